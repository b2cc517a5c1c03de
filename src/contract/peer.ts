/**
 * What agents of one installation say to each other (`POST /v1/peer/…`, open to host certificates only). Each part is
 * offered by the agent and checked by the API; a newer agent may send fields that an older one does not know. One more
 * is a method here and a line in api/routes/peer.ts.
 */
import { z } from "zod";

import type { EngineChoice } from "../domain/cluster.ts";
import { serverSettingSchema } from "./settings.ts";

/** What servers are started with. `directory`: of a user's own build, with the system engine. */
const engineSchema = z.object({
  kind: z.enum(["embedded", "system"]),
  major: z.int(),
  directory: z.string().max(4096).exactOptional(),
});

export function engineAsked({ engine: kind, major, engineDirectory }: EngineChoice): z.output<typeof engineSchema> {
  return { kind, major, ...(engineDirectory === undefined ? {} : { directory: engineDirectory }) };
}

export function engineMeant({ kind: engine, major, directory }: z.output<typeof engineSchema>): EngineChoice {
  return { engine, major, ...(directory === undefined ? {} : { engineDirectory: directory }) };
}

/**
 * Room on that host for members that are about to be placed there: ports for their servers, kept for a minute, and what
 * they would run on. `exact`: these ports for endpoints too, all or none (port-in-use names the first that is taken).
 */
export const claimPortsRequestSchema = z.object({
  count: z.int().min(0).max(64),
  exact: z.array(z.int().min(1).max(65_535)).max(8).default([]),
  engine: engineSchema.optional(),
  /** whether it has PgBouncer is asked, too */
  pooler: z.boolean().optional(),
});
export const claimPortsAnswerSchema = z.object({
  ports: z.array(z.int()),
  /** directory that holds those of all clusters there */
  clusters_directory: z.string(),
  /** `15.14`, of the engine that was asked about; null when it is fetched at its first use */
  engine_version: z.string().nullable(),
  /** of the programs that were asked about: an agent that does not say it would have taken others */
  engine_directory: z.string().nullable().optional(),
  /** null: it has none, or was not asked; older agents do not say it */
  pooler_version: z.string().nullable().optional(),
  /** of the file system that holds the directories; older agents do not say it */
  free_bytes: z.number().optional(),
});
export type ClaimPortsRequest = z.output<typeof claimPortsRequestSchema>;
export type ClaimPortsAnswer = z.infer<typeof claimPortsAnswerSchema>;

/** What that host's Postgres could load, and what its packages would bring. */
export const contentsRequestSchema = z.object({
  engine: engineSchema,
  /** looked for among the host's packages as well */
  packages: z.array(z.string().max(63)).max(16).default([]),
});
export const contentsAnswerSchema = z.object({
  extensions: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      comment: z.string(),
      requires: z.array(z.string()),
      library: z.string().nullable(),
    }),
  ),
  libraries: z.array(z.string()),
  packages: z.array(
    z.object({
      extension: z.string(),
      /** the operating system's name, for people */
      system: z.string(),
      /** null: it is not known which package brings it here */
      package: z.string().nullable(),
      /** version that would be installed; null: none is to be had */
      candidate: z.string().nullable(),
      /** its agent may install packages */
      may_install: z.boolean(),
    }),
  ),
});
export type ContentsRequest = z.output<typeof contentsRequestSchema>;
export type ContentsAnswer = z.infer<typeof contentsAnswerSchema>;

/** The package that brings this extension is installed there. Names of extensions, so that nothing else can be. */
export const installRequestSchema = z.object({ extension: z.string().max(63), major: z.int() });
export type InstallRequest = z.output<typeof installRequestSchema>;
/** Binaries of Postgres there, before a member is to start with them; fetched when they are missing. */
export const engineRequestSchema = engineSchema.extend({
  /** embedded */
  version: z.string().max(20).optional(),
});
export const engineAnswerSchema = z.object({ version: z.string() });
export type EngineRequest = z.output<typeof engineRequestSchema>;
export type EngineAnswer = z.infer<typeof engineAnswerSchema>;

/** The servers and directories of that host's members of a cluster go; its records follow when all hosts have done so. */
export const eraseRequestSchema = z.object({ cluster: z.string().min(1) });

/** A cluster's settings as they would be: a server is started with them on that host, on nothing of the cluster's. */
export const trySettingsRequestSchema = z.object({
  engine: z.enum(["embedded", "system"]),
  engine_directory: z.string().max(4096).exactOptional(),
  major: z.int(),
  /** embedded: what the members run; others may be installed beside it */
  version: z.string().exactOptional(),
  members: z.array(z.string()).max(64),
  memory_bytes: z.int().positive(),
  cpus: z.number().positive(),
  settings: z.record(z.string(), z.string()),
});
export const trySettingsAnswerSchema = z.object({
  problems: z.array(z.string()).readonly(),
  /** what the server made of them; empty when it did not start */
  settings: z.array(serverSettingSchema).readonly(),
});
export type TrySettingsRequest = z.output<typeof trySettingsRequestSchema>;
export type TrySettingsAnswer = z.infer<typeof trySettingsAnswerSchema>;

/** What `origin` (left out: the host that is asked) wrote after `after`, as far as the host that is asked has it. */
export const journalRequestSchema = z.object({
  origin: z.string().min(1).max(255).optional(),
  after: z.int().nonnegative(),
  limit: z.int().min(1).max(1000).default(500),
});
export const journalAnswerSchema = z.object({
  origin: z.string(),
  /** nothing of this origin is missing up to here but `rows` */
  head: z.int().nonnegative(),
  /** checked one by one by the receiver (events/journal-row.ts) */
  rows: z.array(z.object({ kind: z.string(), row: z.unknown() })).max(1000),
});
export type JournalRequest = z.output<typeof journalRequestSchema>;
export type JournalAnswer = z.infer<typeof journalAnswerSchema>;

/** A cluster's repositories with their secrets: given, or asked for. Checked by who stores it (drivers/pgbackrest/book.ts). */
export const bookRequestSchema = z.object({ cluster: z.string().min(1).max(63), book: z.unknown().optional() });
export interface BookRequest {
  readonly cluster: string;
  readonly book?: unknown;
}

/** The token of a drain's receiver, by a host that lacks it: it joined later, or was away when the drain was added. */
export const drainTokenRequestSchema = z.object({ id: z.string().max(64), version: z.string().max(64) });
export const drainTokenAnswerSchema = z.object({
  /** null: that host does not have this one */
  token: z.string().nullable(),
});
export type DrainTokenRequest = z.output<typeof drainTokenRequestSchema>;
export type DrainTokenAnswer = z.infer<typeof drainTokenAnswerSchema>;

/** A file that this host has archived of a cluster's log. */
export const archivedFileRequestSchema = z.object({
  cluster: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  system_identifier: z.string().regex(/^\d{1,20}$/),
  name: z.string().regex(/^[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.partial)?|\.history)$/),
});
export const archivedFileSchema = z.object({
  /** gzip, as base64; null: this host has not archived it */
  content: z.string().nullable(),
  /** when it was complete, wall clock */
  written_ms: z.number(),
});
export type ArchivedFileRequest = z.output<typeof archivedFileRequestSchema>;
export type ArchivedFile = z.infer<typeof archivedFileSchema>;

/**
 * A restore in place begins on another host: what it replaces, kept there until it is done. Checked by who keeps it
 * (storage/restore/journal.ts).
 */
export const replacingRequestSchema = z.object({
  cluster: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  journal: z.unknown(),
});
/** The restored cluster serves: what that host has of the one before becomes a snapshot, or goes. Safe to repeat. */
export const replacedRequestSchema = replacingRequestSchema.pick({ cluster: true });
export const replacedAnswerSchema = z.object({
  /** of the member that wrote last; null: it was of another host, or there is nothing to do */
  snapshot: z.string().nullable(),
  kept_until_ms: z.number().nullable(),
});
export type ReplacedAnswer = z.infer<typeof replacedAnswerSchema>;

export interface PeerApi {
  /** the book of that host, when none is given; null: it has none */
  backupBook(request: BookRequest): Promise<{ readonly book: unknown }>;
  drainToken(request: DrainTokenRequest): Promise<DrainTokenAnswer>;
  /** what the agent of `host` sees of its members; checked by the receiver (agent/peers) */
  looks(host: string, message: unknown): Promise<unknown>;
  claimPorts(request: ClaimPortsRequest): Promise<ClaimPortsAnswer>;
  trySettings(request: TrySettingsRequest): Promise<TrySettingsAnswer>;
  prepareEngine(request: EngineRequest): Promise<EngineAnswer>;
  /** ends and removes what this host has of a cluster; safe to repeat */
  erase(cluster: string): Promise<void>;
  /** what members there could load */
  contents(request: ContentsRequest): Promise<ContentsAnswer>;
  /** takes minutes at most; @throws OpError install-failed */
  installPackage(request: InstallRequest): Promise<void>;
  /** for the host of the primary, whose archive lacks it */
  archivedFile(request: ArchivedFileRequest): Promise<ArchivedFile>;
  /** before a restore in place changes anything; @throws OpError when it cannot be kept */
  replacing(request: { readonly cluster: string; readonly journal: unknown }): Promise<void>;
  replaced(cluster: string): Promise<ReplacedAnswer>;
  /** events and operations, for hosts that do not have them yet */
  journal(request: JournalRequest): Promise<JournalAnswer>;
}
