/** Expected failures of imports. See catalog.ts. */
import type { ErrorKind } from "./kind.ts";

export const importErrors = {
  "source-unreachable": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The database to import from cannot be reached; nothing was changed.",
  },
  "import-refused": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "A check before an import failed, or there is no import to do this with; nothing was changed.",
  },
  "import-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "after-change",
    meaning: "An import failed and was undone, as far as its detail does not say otherwise.",
  },
} as const satisfies Record<string, ErrorKind>;
