/** Backups in repositories elsewhere: what the API says of them and takes for them. Secrets go in, and never come out but a key. */
import { z } from "zod";
import type { Asked } from "./asked.ts";
import { operationSchema, type Operation } from "./cluster.ts";

const dayMs = 86_400_000;
/** Longer lines are no credentials. */
const secret = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\r\n\0]+$/, "one line");
const document = z.string().min(1).max(32_768);

export const repositoryNumberSchema = z.union([z.literal(1), z.literal(2)]);

export const credentialsSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("keys"), key: secret, secret, token: secret.optional() }),
  z.strictObject({ kind: z.literal("machine") }),
  z.strictObject({ kind: z.literal("azure-key"), key: secret }),
  z.strictObject({ kind: z.literal("azure-sas"), token: secret }),
  z.strictObject({ kind: z.literal("gcs-account"), json: document }),
  z.strictObject({ kind: z.literal("private-key"), key: document }),
]);
export type CredentialsWish = z.infer<typeof credentialsSchema>;

export const policyRequestSchema = z.strictObject({
  full_every_days: z.int().min(1).max(90).optional(),
  between_every_hours: z.int().min(1).max(168).optional(),
  between: z.enum(["differential", "incremental"]).optional(),
  kept_days: z.int().min(1).max(3660).optional(),
  kept_fulls: z.int().min(1).max(1000).optional(),
});
export type PolicyRequest = z.infer<typeof policyRequestSchema>;

/** Where a repository is and what opens it. */
const repositoryWish = {
  number: repositoryNumberSchema.default(1),
  /** `s3://bucket/path`, `azure://container/path`, `gs://bucket/path`, `sftp://user@host/path`, `/path` */
  to: z.string().min(1).max(1024),
  endpoint: z.string().max(255).optional(),
  region: z.string().max(63).optional(),
  path_style: z.boolean().optional(),
  account: z.string().max(63).optional(),
  fingerprint: z.string().max(64).optional(),
  credentials: credentialsSchema,
  /** PEM */
  authorities: document.optional(),
  /** of the encryption; left out: one is made and told once */
  key: secret.min(16, "at least 16 characters").optional(),
  encrypt: z.boolean().default(true),
  escrow: z.boolean().default(false),
};

export const enableRequestSchema = z.strictObject({
  ...repositoryWish,
  policy: policyRequestSchema.default({}),
  here: z.boolean().default(false),
});
export type EnableRequest = z.output<typeof enableRequestSchema>;
export type EnableWish = z.input<typeof enableRequestSchema>;

/** Of a cluster that is not there: its backups are to be seen and restored. */
export const connectRequestSchema = z.strictObject(repositoryWish);
export type ConnectRequest = z.output<typeof connectRequestSchema>;
export type ConnectWish = z.input<typeof connectRequestSchema>;

export const enabledSchema = z.object({
  operation: operationSchema,
  /** made for it and shown this once; null when it was given, or nothing is encrypted */
  key: z.string().nullable(),
});

export const disableRequestSchema = z.strictObject({
  /** left out: all */
  number: repositoryNumberSchema.optional(),
  /** what is in the repository goes as well */
  delete_backups: z.boolean().default(false),
  here: z.boolean().default(false),
});
export type DisableRequest = z.output<typeof disableRequestSchema>;
export type DisableWish = z.input<typeof disableRequestSchema>;

export const takeRequestSchema = z.strictObject({
  kind: z.enum(["full", "differential", "incremental"]).optional(),
  /** left out: each of them */
  number: repositoryNumberSchema.optional(),
  here: z.boolean().default(false),
});
export type TakeBackupRequest = z.output<typeof takeRequestSchema>;
export type TakeBackupWish = z.input<typeof takeRequestSchema>;

export const verifyRequestSchema = z.strictObject({
  number: repositoryNumberSchema.optional(),
  /** as a test, beside reading what is there; without a repository it is all that is done */
  restore: z.boolean().default(true),
  here: z.boolean().default(false),
});
export type VerifyRequest = z.output<typeof verifyRequestSchema>;
export type VerifyWish = z.input<typeof verifyRequestSchema>;

export const lockRequestSchema = z.strictObject({
  /** null: not any more */
  until: z.iso.datetime().nullable(),
  here: z.boolean().default(false),
});
export type LockRequest = z.output<typeof lockRequestSchema>;
/** A lock that nobody can outlive is a mistake of typing. */
export const lockMsMax = 3660 * dayMs;

export const backupSchema = z.object({
  label: z.string(),
  repository: repositoryNumberSchema,
  kind: z.enum(["full", "differential", "incremental"]),
  started_at: z.string(),
  ended_at: z.string(),
  size_bytes: z.number(),
  own_bytes: z.number(),
  wal: z.object({ from: z.string(), to: z.string() }),
  lsn: z.object({ from: z.string(), to: z.string() }),
  needs: z.array(z.string()),
  version: z.int(),
  has_bad_pages: z.boolean(),
  locked_until: z.string().nullable(),
  proof: z.object({ at: z.string(), how: z.enum(["verified", "restored"]), is_good: z.boolean() }).nullable(),
  /** of the cluster that has this name now, or had it last */
  is_current: z.boolean(),
});
export type BackupStatus = z.infer<typeof backupSchema>;

export const repositoryStatusSchema = z.object({
  number: repositoryNumberSchema,
  kind: z.enum(["s3", "azure", "gcs", "sftp", "path"]),
  /** as it was given, without anything secret */
  to: z.string(),
  encrypted: z.boolean(),
  escrow: z.boolean(),
  /** why it cannot be used now; null: it can */
  problem: z.string().nullable(),
  /** the newest file of the log that is there, and since when it has been there as far as this is known */
  newest_segment: z.string().nullable(),
  archived_until: z.string().nullable(),
  backups: z.int(),
  newest_backup_at: z.string().nullable(),
  /** no backup for longer than two turns */
  is_overdue: z.boolean(),
});
export type RepositoryStatus = z.infer<typeof repositoryStatusSchema>;

export const backupsSchema = z.object({
  cluster: z.string(),
  stanza: z.string(),
  /** whether the cluster is there */
  exists: z.boolean(),
  program: z.string().nullable(),
  repositories: z.array(repositoryStatusSchema),
  policy: z.object({
    full_every_days: z.int(),
    between_every_hours: z.int(),
    between: z.enum(["differential", "incremental"]),
    kept_days: z.int(),
    kept_fulls: z.int(),
    next_at: z.string().nullable(),
  }),
  /** why the last file of the log was not pushed; null: it was */
  push_problem: z.string().nullable(),
  /** oldest first */
  backups: z.array(backupSchema),
});
export type Backups = z.infer<typeof backupsSchema>;

export const keysSchema = z.object({ keys: z.array(z.object({ number: repositoryNumberSchema, key: z.string() })) });
export type BackupKeys = z.infer<typeof keysSchema>;

export interface Enabled {
  readonly operation: Operation;
  readonly key: string | null;
}

export interface BackupsInstallation {
  /** @throws OpError repository-exists, backup-program-missing, bad-value */
  enable(cluster: string, request: EnableRequest, asked: Asked): Promise<Enabled>;
  /** @throws OpError backups-disabled, backup-locked */
  disable(cluster: string, request: DisableRequest, asked: Asked): Promise<Operation>;
  connect(cluster: string, request: ConnectRequest, asked: Asked): Promise<Backups>;
  /** also of a cluster that does not exist any more, as long as its repositories are known */
  show(cluster: string, query: { readonly here: boolean }): Promise<Backups>;
  set(cluster: string, request: PolicyRequest, asked: Asked): Promise<Backups>;
  take(cluster: string, request: TakeBackupRequest, asked: Asked): Promise<Operation>;
  verify(cluster: string, request: VerifyRequest, asked: Asked): Promise<Operation>;
  /** @throws OpError backup-not-found */
  lock(cluster: string, label: string, request: LockRequest, asked: Asked): Promise<Backups>;
  /** @throws OpError backups-disabled when none is kept here */
  keys(cluster: string): Promise<BackupKeys>;
}
