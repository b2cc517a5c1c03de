/** Expected failures of snapshots and of what is made of them. See catalog.ts. */
import type { ErrorKind } from "./kind.ts";

export const restoreErrors = {
  "snapshot-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "There is no snapshot of this id." },
  "snapshot-damaged": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "A snapshot cannot be read, or is not what its description says. Nothing was written.",
  },
  "restore-point-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "The cluster has no restore point of this name.",
  },
  "restore-point-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "The cluster has a restore point of this name already.",
  },
  "restore-out-of-window": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "What was asked for lies outside of what can be restored; the detail says what can.",
  },
  "restore-too-early": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "The copy to begin with is newer than what it was to be restored to.",
  },
  "script-failed": {
    httpStatus: 422,
    exitCode: 1,
    retry: "after-change",
    meaning: "A script that was to change a copy before anybody could connect failed, and the copy was removed.",
  },
} as const satisfies Record<string, ErrorKind>;
