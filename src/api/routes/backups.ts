/** Backups of a cluster in repositories elsewhere. */
import {
  backupsSchema,
  connectRequestSchema,
  disableRequestSchema,
  enabledSchema,
  enableRequestSchema,
  keysSchema,
  lockRequestSchema,
  policyRequestSchema,
  takeRequestSchema,
  verifyRequestSchema,
} from "../../contract/backups.ts";
import { operationSchema } from "../../contract/cluster.ts";
import { hereQuerySchema } from "../../contract/storage.ts";
import { route } from "../route.ts";

export const backupRoutes = [
  route(
    "GET /v1/clusters/:cluster/backups",
    {
      id: "showBackups",
      role: "viewer",
      does: "Gives the repositories of a cluster as they answer now, and the backups in them; also of one that is gone.",
      query: hereQuerySchema,
      answer: backupsSchema,
    },
    ({ path, query }, { installation: { backups } }) => backups.show(path.cluster, query),
  ),
  route(
    "POST /v1/clusters/:cluster/backups",
    {
      id: "enableBackups",
      role: "admin",
      does: "Gives a cluster a repository: its log goes there, and backups are taken by themselves.",
      body: enableRequestSchema,
      answer: enabledSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.enable(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/connect",
    {
      id: "connectRepository",
      role: "admin",
      does: "Makes the repository of a cluster that is not there known, so that its backups can be restored.",
      body: connectRequestSchema,
      answer: backupsSchema,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.connect(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/disable",
    {
      id: "disableBackups",
      role: "admin",
      does: "Ends the backups to a repository; deletes what is in it only when it is asked for.",
      body: disableRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.disable(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/policy",
    {
      id: "setBackupPolicy",
      role: "operator",
      does: "Says when backups are taken and how long they are kept.",
      body: policyRequestSchema,
      answer: backupsSchema,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.set(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/take",
    {
      id: "takeBackup",
      role: "operator",
      does: "Takes a backup now.",
      body: takeRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.take(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/verify",
    {
      id: "verifyBackups",
      role: "operator",
      does: "Reads all that is in a repository and compares it with what was written.",
      body: verifyRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.verify(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/backups/:backup/lock",
    {
      id: "lockBackup",
      role: "admin",
      does: "Locks a backup against deletion until a date, or unlocks it.",
      body: lockRequestSchema,
      answer: backupsSchema,
    },
    ({ path, body, asked }, { installation: { backups } }) => backups.lock(path.cluster, path.backup, body, asked),
  ),
  route(
    "GET /v1/clusters/:cluster/backups/keys",
    {
      id: "getBackupKeys",
      role: "admin",
      does: "Gives the keys of encrypted repositories that were left with the installation.",
      answer: keysSchema,
    },
    ({ path }, { installation: { backups } }) => backups.keys(path.cluster),
  ),
];
