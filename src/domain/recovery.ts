/** To where a copy is recovered. Pure. */
import type { Lsn } from "./lsn.ts";

/** Inclusive as Postgres means it: with what was committed at that very moment, or begins at that very position. */
export type RecoveryTarget =
  /** all that there is */
  | { readonly kind: "newest" }
  /** the copy itself, made consistent */
  | { readonly kind: "base" }
  /** `text`: in UTC with up to six digits of the second, as Postgres reads it; `ms` rounded down */
  | { readonly kind: "time"; readonly text: string; readonly ms: number; readonly isInclusive: boolean }
  | {
      readonly kind: "lsn";
      readonly lsn: Lsn;
      readonly isInclusive: boolean;
      /** of the cluster whose log it is in; left out: of the one that has the name now */
      readonly systemIdentifier?: string;
      /** when it was written, where that is known */
      readonly ms?: number;
    }
  | { readonly kind: "xid"; readonly xid: bigint; readonly isInclusive: boolean };
