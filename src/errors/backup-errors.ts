/** Expected failures of backups in repositories elsewhere. See catalog.ts. */
import type { ErrorKind } from "./kind.ts";

export const backupErrors = {
  "backup-program-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning:
      "pgBackRest is not on a host that needs it, or is too old for what was asked. The hint says what installs it.",
  },
  "backup-repository": {
    httpStatus: 502,
    exitCode: 1,
    retry: "later",
    meaning: "A repository of backups cannot be reached, refuses, is full, or cannot be read with this key.",
  },
  "backup-foreign": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The place in the repository belongs to another cluster. Nothing was written.",
  },
  "backup-failed": { httpStatus: 500, exitCode: 1, retry: "later", meaning: "pgBackRest ended with an error." },
  "backup-damaged": {
    httpStatus: 500,
    exitCode: 1,
    retry: "no",
    meaning: "Something in a repository of backups is missing or not what was written.",
  },
  "proof-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "after-change",
    meaning: "A test restore did not come up, or is not what it should be. Its record says what is wrong.",
  },
  "backup-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "There is no backup of this name." },
  "backup-locked": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "A backup is locked against deletion until a date.",
  },
  "backups-disabled": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The cluster has no repository for backups, or not the one that was named.",
  },
  "repository-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning:
      "The cluster has a repository of this number already, or those of an earlier cluster of its name are known here.",
  },
  "backup-secrets-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "A host lacks the credentials or the key of a repository.",
  },
} as const satisfies Record<string, ErrorKind>;
