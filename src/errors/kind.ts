/** What is known of an expected failure, whatever it is. Used by the catalog and its parts. */
export interface ErrorKind {
  readonly httpStatus: number;
  /** 1 failed, 2 usage, 3 refused and nothing changed, 4 outcome unknown, 5 not found */
  readonly exitCode: 1 | 2 | 3 | 4 | 5;
  readonly retry: "no" | "later" | "after-change";
  /** what it means and what to do, for docs/errors.md */
  readonly meaning: string;
}
