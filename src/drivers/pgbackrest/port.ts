/**
 * What the installation needs of a backup program: copies of a server's directory and of its log in repositories
 * elsewhere. `driver.ts` does it with pgBackRest. What lies in a repository is in the program's own format, so that
 * users can restore it without us.
 */
import { z } from "zod";
import type {
  Backup,
  BackupKind,
  BackupPolicy,
  BackupWish,
  Repository,
  RepositoryNumber,
  RepositoryPlace,
} from "../../domain/backup.ts";

/** Never in a spec, an argument list, a log, an event or an error. */
export interface RepositorySecrets {
  /** what the spec's repository names; other secrets have another one */
  readonly id: string;
  /** of the encryption; undefined when it is not encrypted */
  readonly key?: string;
  readonly credentials: RepositoryCredentials;
  /** certificates of authorities that the storage's certificate is checked against, PEM */
  readonly authorities?: string;
}

export type RepositoryCredentials =
  | { readonly kind: "none" }
  /** of an S3-compatible storage */
  | { readonly kind: "keys"; readonly key: string; readonly secret: string; readonly token?: string }
  /** the machine says who it is (instance role, workload identity) */
  | { readonly kind: "machine" }
  | { readonly kind: "azure-key"; readonly key: string }
  | { readonly kind: "azure-sas"; readonly token: string }
  /** a service account's key file, JSON */
  | { readonly kind: "gcs-account"; readonly json: string }
  /** OpenSSH */
  | { readonly kind: "private-key"; readonly key: string };

/** A server of this host, for the program to reach. */
export interface BackupMember {
  readonly id: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
}

/** All that a call needs to know; written to a file of mode 0600 before it. */
export interface Stanza {
  readonly cluster: string;
  readonly name: string;
  readonly repositories: readonly (Repository & { readonly secrets: string })[];
  readonly secrets: readonly RepositorySecrets[];
}

export interface RepositoryLook {
  readonly number: RepositoryNumber;
  /** why it cannot be used; undefined: it can */
  readonly problem: RepositoryProblem | undefined;
  /** nothing of this stanza is in it, not even what cannot be read */
  readonly isEmpty: boolean;
  /** clusters that this stanza has had, by their system identifiers; the last is the one that it has now */
  readonly databases: readonly {
    readonly systemIdentifier: string;
    readonly major: number;
    readonly archive: string;
  }[];
  /** oldest first */
  readonly backups: readonly Backup[];
  /** newest segment there of the newest database; undefined when there is none */
  readonly newestSegment: string | undefined;
}

export interface RepositoryProblem {
  /** no-stanza: it answers, and has nothing of the cluster */
  readonly kind: "no-stanza" | "unreachable" | "refused" | "wrong-key" | "full" | "damaged" | "other";
  /** for a person, one or two lines */
  readonly text: string;
}

export interface TakeRequest {
  readonly repository: RepositoryNumber;
  readonly kind: BackupKind;
  /** the primary first; of a standby the data is read, if there is one */
  readonly members: readonly BackupMember[];
  readonly operation: string;
  /** the cluster's, as one word: written beside the backup, and told with it */
  readonly spec: string;
}

export interface RestoreRequest {
  readonly repository: RepositoryNumber;
  readonly label: string;
  /** its directory is empty */
  readonly member: BackupMember;
  /** directory for tablespaces */
  readonly links: string;
}

export interface VerifiedBackup {
  readonly label: string;
  readonly isGood: boolean;
}

export interface Verification {
  readonly repository: RepositoryNumber;
  readonly backups: readonly VerifiedBackup[];
  /** segments and files of the repository that are missing or not what was written, by name */
  readonly damaged: readonly string[];
  readonly segments: number;
}

/** Their stored forms. */
const text = z.string().min(1);
const port = z.int().min(1).max(65_535);

const placeSchema: z.ZodType<RepositoryPlace> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("s3"),
    bucket: text,
    path: text,
    endpoint: text,
    port: port.exactOptional(),
    region: text,
    style: z.enum(["host", "path"]),
  }),
  z.strictObject({
    kind: z.literal("azure"),
    account: text,
    container: text,
    path: text,
    endpoint: text.exactOptional(),
    port: port.exactOptional(),
    // Those of before were all of the first kind.
    style: z.enum(["host", "path"]).default("host"),
  }),
  z.strictObject({
    kind: z.literal("gcs"),
    bucket: text,
    path: text,
    endpoint: text.exactOptional(),
    port: port.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("sftp"),
    host: text,
    port: port.exactOptional(),
    user: text,
    path: text,
    fingerprint: text,
  }),
  z.strictObject({ kind: z.literal("path"), path: text }),
]);

export const repositorySchema: z.ZodType<Repository> = z.strictObject({
  number: z.union([z.literal(1), z.literal(2)]),
  place: placeSchema,
  encrypted: z.boolean(),
  escrow: z.boolean(),
  secrets: text,
});

export const policySchema: z.ZodType<BackupPolicy> = z.strictObject({
  fullEveryDays: z.int().positive(),
  betweenEveryHours: z.int().positive(),
  between: z.enum(["differential", "incremental"]),
  keptDays: z.int().positive(),
  keptFulls: z.int().positive(),
});

export const backupWishSchema: z.ZodType<BackupWish> = z.strictObject({
  stanza: text,
  repositories: z.array(repositorySchema).min(1).max(2),
  policy: policySchema,
});
