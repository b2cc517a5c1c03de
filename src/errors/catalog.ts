/**
 * Every expected failure, once: its code, HTTP status, exit code of the command line, and whether the same request may
 * be sent again. `docs/errors.md` is generated from here.
 */

import { backupErrors } from "./backup-errors.ts";
import { importErrors } from "./import-errors.ts";
import type { ErrorKind } from "./kind.ts";
import { requestErrors } from "./request-errors.ts";
import { restoreErrors } from "./restore-errors.ts";
import { partErrors } from "./part-errors.ts";

export const errorCatalog = {
  "usage": {
    httpStatus: 400,
    exitCode: 2,
    retry: "no",
    meaning: "The command line or the request body is not what the command takes.",
  },
  "bad-name": {
    httpStatus: 422,
    exitCode: 3,
    retry: "no",
    meaning: "The name cannot be used for a cluster, a member, a database or a user.",
  },
  "bad-value": {
    httpStatus: 422,
    exitCode: 3,
    retry: "no",
    meaning: "A value is out of its range, or not of its kind.",
  },
  "settings-refused": {
    httpStatus: 422,
    exitCode: 3,
    retry: "after-change",
    meaning:
      "A server did not start with changed settings. They have been taken back; every member runs with those from before.",
  },
  "cluster-exists": { httpStatus: 409, exitCode: 3, retry: "no", meaning: "A cluster of this name exists already." },
  "cluster-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "There is no cluster of this name here." },
  "member-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "The cluster has no member of this name." },
  "operation-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "There is no operation of this id; ended ones are kept for a week.",
  },
  "user-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "The database user does not exist." },
  "user-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "A database user or role of this name exists already.",
  },
  "database-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "A database of this name exists already, and the command was not told to use it.",
  },
  "database-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "The cluster has no database of this name.",
  },
  "extension-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The Postgres of a host lacks an extension or a library that every host with a member must have.",
  },
  "extension-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "The database does not have the extension.",
  },
  "install-failed": {
    httpStatus: 502,
    exitCode: 1,
    retry: "later",
    meaning: "A host's packages could not be installed.",
  },
  "restart-needed": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The change takes effect only with a restart of members, which was not allowed.",
  },
  "attachment-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The application is attached already; its password can be changed with --rotate.",
  },
  "attachment-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "No application of this name is attached to the cluster.",
  },
  "object-in-use": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Something uses the database or the user: an attached application, a lock, an object that depends on it.",
  },
  "postgres-refused": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Postgres refused a change of databases or users; its own words say why.",
  },
  ...importErrors,
  ...backupErrors,
  ...requestErrors,
  ...partErrors,
  "variable-taken": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The file for the application's environment cannot be used as it is.",
  },
  "port-in-use": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Something else listens on a port that was asked for.",
  },
  "too-little-disk": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The file system has too little room for what was asked.",
  },
  "too-little-memory": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The machine has too little memory for what was asked.",
  },
  "home-unwritable": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The directory for Matriarch's state cannot be written.",
  },
  "engine-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The Postgres binaries that were asked for are not on this machine.",
  },
  "engine-install-failed": {
    httpStatus: 502,
    exitCode: 1,
    retry: "later",
    meaning: "The Postgres binaries could not be installed.",
  },
  "engine-failed": { httpStatus: 500, exitCode: 1, retry: "later", meaning: "A Postgres program ended with an error." },
  "server-unresponsive": {
    httpStatus: 504,
    exitCode: 1,
    retry: "later",
    meaning: "A Postgres server did not answer in time.",
  },
  "clone-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "later",
    meaning: "A member's directory could not be copied from another member.",
  },
  ...restoreErrors,
  "volume-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "after-change",
    meaning:
      "The storage of a member could not be made, copied or changed; the detail says what the file system's own program complained of.",
  },
  "rewind-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "no",
    meaning: "pg_rewind could not bring a former primary back; it is cloned instead.",
  },
  "old-epoch": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "The action was decided under an epoch that has passed.",
  },
  "busy": { httpStatus: 409, exitCode: 3, retry: "later", meaning: "Another operation runs on the cluster." },
  "candidate-behind": {
    httpStatus: 409,
    exitCode: 3,
    retry: "later",
    meaning: "The standby is too far behind to become primary.",
  },
  "not-healthy": {
    httpStatus: 409,
    exitCode: 3,
    retry: "later",
    meaning: "A member is not well enough for the change, which was not begun. The detail names each.",
  },
  "upgrade-blocked": {
    httpStatus: 409,
    exitCode: 3,
    retry: "later",
    meaning: "Something is in the way of an upgrade, which was not begun. The detail names each thing.",
  },
  "no-candidate": { httpStatus: 409, exitCode: 3, retry: "later", meaning: "No member can become primary now." },
  "no-primary": { httpStatus: 503, exitCode: 1, retry: "later", meaning: "The cluster has no primary at the moment." },
  "data-loss-refused": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The change could lose acknowledged writes and was not told to.",
  },
  "too-few-members": { httpStatus: 409, exitCode: 3, retry: "no", meaning: "The change would leave too few members." },
  "not-confirmed": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Something destructive was not confirmed.",
  },
  "cluster-stopped": { httpStatus: 409, exitCode: 3, retry: "after-change", meaning: "The cluster is stopped." },
  "operation-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "later",
    meaning: "A long operation ended without success.",
  },
  "interrupted": {
    httpStatus: 503,
    exitCode: 4,
    retry: "later",
    meaning: "The answer did not arrive; the change may or may not have happened.",
  },
  "agent-unreachable": { httpStatus: 503, exitCode: 1, retry: "later", meaning: "The agent does not answer." },
  "host-unreachable": {
    httpStatus: 503,
    exitCode: 1,
    retry: "later",
    meaning: "Another host's agent cannot be reached; the request never got there, nothing was changed.",
  },
  "bad-certificate": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "A certificate or its key is missing, damaged, expired, or of another installation.",
  },
  "host-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "The installation has no host of this name.",
  },
  "host-exists": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Another host has the name already, or this one belongs to an installation already.",
  },
  "host-removed": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "This home is that of a host that was removed from its installation.",
  },
  "host-unfit": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning:
      "A host that wants to join does not fit: another version, a clock that differs, an address that the others do not reach.",
  },
  "no-host": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "No host, or too few of them, can take the members that were asked for.",
  },
  "host-in-use": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The host still has members, or is the last that can do something.",
  },
  "join-refused": {
    httpStatus: 403,
    exitCode: 3,
    retry: "after-change",
    meaning: "The token for joining is damaged, unknown, expired, revoked, used up, or of another installation.",
  },
  "not-authenticated": {
    httpStatus: 401,
    exitCode: 3,
    retry: "after-change",
    meaning: "The agent asks who you are: a client certificate or a token that it knows, not expired and not revoked.",
  },
  "not-allowed": {
    httpStatus: 403,
    exitCode: 3,
    retry: "after-change",
    meaning: "Your role (viewer, operator or admin) does not allow this.",
  },
  "token-not-found": { httpStatus: 404, exitCode: 5, retry: "no", meaning: "There is no token of this id." },
  "certificate-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "There is no user's certificate of this id.",
  },
  "context-not-found": {
    httpStatus: 404,
    exitCode: 5,
    retry: "no",
    meaning: "The command line knows no context of this name; see matriarch context list.",
  },
  "agent-running": {
    httpStatus: 409,
    exitCode: 3,
    retry: "no",
    meaning: "Another agent serves this home directory already.",
  },
  "agent-start-failed": { httpStatus: 500, exitCode: 1, retry: "later", meaning: "The agent could not be started." },
  "store-unavailable": {
    httpStatus: 503,
    exitCode: 1,
    retry: "later",
    meaning: "The store cannot be reached; nothing was written.",
  },
  "store-outcome-unknown": {
    httpStatus: 503,
    exitCode: 4,
    retry: "later",
    meaning: "The store did not answer in time; it may have written.",
  },
  "store-locked": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "Another agent runs on the same home directory.",
  },
  "store-damaged": {
    httpStatus: 500,
    exitCode: 1,
    retry: "no",
    meaning: "The store holds something that this version cannot read.",
  },
  "store-taken": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The store holds another installation's data.",
  },
  "store-replaced": {
    httpStatus: 500,
    exitCode: 1,
    retry: "no",
    meaning: "The store is not the one that it was: another etcd, or an older state of it that was restored.",
  },
  "store-refused": {
    httpStatus: 502,
    exitCode: 1,
    retry: "after-change",
    meaning: "The store does not let us in, or we do not trust it: certificate, user or password. Nothing was written.",
  },
  "store-full": {
    httpStatus: 507,
    exitCode: 1,
    retry: "later",
    meaning: "The store has reached its quota, and takes no writes until it has been made smaller.",
  },
  "etcd-missing": {
    httpStatus: 409,
    exitCode: 3,
    retry: "after-change",
    meaning: "The etcd server that this host is to run is not installed, or of a version that cannot be used.",
  },
  "etcd-failed": {
    httpStatus: 500,
    exitCode: 1,
    retry: "later",
    meaning: "An etcd server could not be started or changed.",
  },
  "too-many-connections": {
    httpStatus: 503,
    exitCode: 1,
    retry: "later",
    meaning: "The host carries as many connections of tunnels as it may.",
  },
  "not-supported": { httpStatus: 409, exitCode: 3, retry: "no", meaning: "The engine or the platform cannot do this." },
  "internal": { httpStatus: 500, exitCode: 1, retry: "no", meaning: "A defect of Matriarch. Please report it." },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalog;
