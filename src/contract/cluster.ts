/**
 * What the API says of a cluster and takes for one: shared by the API, the command line and later the dashboard. The
 * words in `status --json` are these, and they stay.
 */
import { z } from "zod";
import { readLagSchema, readsStatusSchema } from "./reads.ts";

import { attachmentSchema } from "./attachment.ts";

export const memberStates = [
  "starting",
  "running",
  "streaming",
  "catching-up",
  "cloning",
  "rewinding",
  "stopped",
  "failed",
  "unreachable",
] as const;

/** One word for the whole: what a person wants to know first. */
export const clusterStates = [
  "creating",
  "healthy",
  /** serves, with fewer members or voters than it should have */
  "degraded",
  "failing-over",
  "switching-over",
  "paused",
  "stopped",
  /** no client has needed it for as long as `autostop` says; the next one wakes it */
  "asleep",
  /** no primary, or no write can be acknowledged */
  "unavailable",
  "destroying",
] as const;

/** A second is for trying it out; a year is as good as never. */
export const autostopMsMin = 1000;
export const autostopMsMax = 365 * 86_400_000;
export const autostopMsSchema = z.int().min(autostopMsMin).max(autostopMsMax);

export const addressSchema = z.object({ host: z.string(), port: z.int() });

/** What each member was given, and whether its server is kept to it. */
export const resourcesSchema = z.object({
  memory_bytes: z.number(),
  cpus: z.number(),
  /** the server cannot have more: the limit is in force */
  memory_limited: z.boolean(),
  cpus_limited: z.boolean(),
  /** held by its processes, shared buffers included, cached files not; null where nobody counts */
  memory_used_bytes: z.number().nullable(),
  /** asked for and not in force: why, and what to do; null otherwise */
  note: z.string().nullable(),
});
export type Resources = z.infer<typeof resourcesSchema>;

export const memberStatusSchema = z.object({
  id: z.string(),
  host: z.string(),
  region: z.string(),
  zone: z.string(),
  role: z.enum(["primary", "standby"]),
  state: z.enum(memberStates),
  /** of the postmaster; null when there is none */
  pid: z.int().nullable(),
  port: z.int(),
  socket_directory: z.string(),
  data_directory: z.string(),
  /** where it says over HTTP how it is, in Patroni's words; null: nowhere, or told by an agent that does not know */
  status_url: z.string().nullable().default(null),
  timeline: z.int().nullable(),
  flushed_lsn: z.string().nullable(),
  /** behind the primary's end of log; null when unknown */
  lag_bytes: z.number().nullable(),
  is_voter: z.boolean(),
  /** in another region than the primary's: never elected, promoted only when asked for */
  is_read_replica: z.boolean(),
  /** the standby that it is to follow; null: the primary */
  upstream: z.string().nullable().default(null),
  incarnation: z.int(),
  /** of Postgres, as its server says; null when it does not run */
  version: z.string().nullable().default(null),
  /** what its agent decided last, and why, in one sentence */
  because: z.string(),
  /** null: told by an agent that does not know */
  resources: resourcesSchema.nullable().default(null),
  /** as a server to read from; null of a primary, and where that is not known */
  read: readLagSchema.nullable().default(null),
});

/** The archive of the cluster's log, and what it can be restored to. */
export const archiveStatusSchema = z.object({
  state: z.enum(["archiving", "failing", "given-up", "after-restart"]),
  /** why it is not archiving; null otherwise */
  reason: z.string().nullable(),
  /** complete files of the log that are not archived yet */
  waiting_bytes: z.int(),
  /** all that was committed up to then is in the archive, whatever becomes of the members; ISO 8601, null: nothing is */
  archived_until: z.string().nullable(),
  /** seconds from then until now; changes of that time are only in the members' own log */
  archive_lag_seconds: z.int().nullable(),
  /** the same for the repositories elsewhere: what outlives every host; null: there is none, or nothing is in it yet */
  repository_until: z.string().nullable().default(null),
  repository_lag_seconds: z.int().nullable().default(null),
  /** times that can be restored to, oldest first; the last one ends now while the members have the newest log */
  restorable: z.array(z.object({ from: z.string(), until: z.string() })),
  /** while there is nothing to restore from: when the first snapshot is taken by itself; null otherwise */
  first_snapshot_at: z.string().nullable().default(null),
  /** a cluster of this name before, or this one before a restore in place, can be restored */
  has_earlier: z.boolean().default(false),
});
export type ArchiveStatus = z.infer<typeof archiveStatusSchema>;

/** Whether it is known that the cluster can be restored. */
export const proofStateSchema = z.object({
  /** 0: no test restore is made by itself */
  every_days: z.int(),
  /** null: none has passed yet */
  passed_at: z.string().nullable(),
  /** what is wrong with the last one, which failed; null: it passed, or there was none */
  problem: z.string().nullable(),
  /** none has passed for twice the time between two */
  is_overdue: z.boolean(),
});

/** The shared state: without it nothing can be changed, and what is told is the last that was known. */
export const storeStatusSchema = z.object({
  reachable: z.boolean(),
  /** since when it is not; null when it is, or when that is not known */
  since: z.string().nullable(),
});

export const clusterStatusSchema = z.object({
  name: z.string(),
  /** of what was asked for: rises with every change; `If-Match` refuses a change made for another one */
  generation: z.int().default(0),
  state: z.enum(clusterStates),
  /** one sentence: what it is doing and why, when it is not simply healthy */
  detail: z.string(),
  /** of the primary, or what it would start with */
  version: z.string(),
  /** a newer minor version that is there, and that some member does not run; null when there is none */
  newer_version: z.string().nullable().default(null),
  engine: z.enum(["embedded", "system"]),
  /** of the user's own build; null: the packaged binaries, or what packages of the system brought */
  engine_directory: z.string().nullable().default(null),
  durability: z.enum(["quorum", "strict", "async"]),
  epoch: z.int(),
  primary: z.string().nullable(),
  /** where the primary and the voters belong */
  primary_region: z.string(),
  timeline: z.int().nullable(),
  rule: z.object({ voters: z.array(z.string()), acks: z.int() }),
  endpoints: z.object({
    primary: addressSchema,
    read: addressSchema,
    /** null: there is none */
    pooled: addressSchema.nullable().default(null),
  }),
  members: z.array(memberStatusSchema),
  /** wall clock, ISO 8601; null when not paused */
  paused_until: z.string().nullable(),
  operation: z.string().nullable(),
  /** without a client for so long it falls asleep; null: never */
  autostop_ms: z.int().nullable().default(null),
  /** ISO 8601; null when it is awake */
  asleep_since: z.string().nullable().default(null),
  /** it began as a copy: of whom, as of when, and when it is destroyed by itself; null: it did not */
  copy_of: z
    .object({ cluster: z.string(), at: z.string(), destroyed_at: z.string().nullable() })
    .nullable()
    .default(null),
  /** limits of the read endpoint; null: told by an agent that does not know */
  reads: readsStatusSchema.nullable().default(null),
  store: storeStatusSchema,
  /** null: the host of the primary has not said yet, or does not know of archives */
  archive: archiveStatusSchema.nullable().default(null),
  /** null: told by an agent that does not know */
  proof: proofStateSchema.nullable().default(null),
  /** applications with an access of their own */
  attachments: z.array(attachmentSchema).default([]),
  created_at: z.string(),
});

export type MemberStatus = z.infer<typeof memberStatusSchema>;
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

export const createRequestSchema = z.strictObject({
  name: z.string(),
  members: z.int().optional(),
  /** major */
  version: z.int().optional(),
  /** `18.3`, of that major, for the embedded engine; left out: what this release was tested with */
  minor_version: z
    .string()
    .regex(/^\d{1,2}\.\d{1,3}$/)
    .optional(),
  engine: z.enum(["embedded", "system"]).optional(),
  /** a build of the user's own, at the same path on every host: its prefix, or the directory of its programs */
  engine_directory: z.string().min(1).max(4096).optional(),
  durability: z.enum(["quorum", "strict", "async"]).optional(),
  preset: z.enum(["dev", "production", "critical"]).optional(),
  memory_bytes: z.int().positive().optional(),
  cpus: z.number().positive().optional(),
  /** of each member */
  volume_bytes: z.int().positive().optional(),
  autostop_ms: autostopMsSchema.optional(),
  /** port of the primary endpoint; the read endpoint takes the next one */
  port: z.int().optional(),
  /** with a pooled endpoint */
  pool: z.boolean().optional(),
  password: z.string().optional(),
  settings: z.record(z.string(), z.string()).optional(),
  /** where the primary and its voters are: `members` of them (default: the region of the host that is asked) */
  primary_region: z.string().optional(),
  /** a read replica in each of these, one more for each time that it is named */
  regions: z.array(z.string()).max(15).optional(),
  /** said by an agent that forwards: the first member is made on this host, or nowhere */
  first_host: z.string().optional(),
});
export type CreateRequest = z.infer<typeof createRequestSchema>;

/** A long change: followed until it ends; survives the agent's restart. */
export const operationSchema = z.object({
  id: z.string(),
  kind: z.string(),
  cluster: z.string(),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  /** what it is doing now, for a person */
  step: z.string(),
  steps_done: z.int(),
  steps_total: z.int().nullable(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  by: z.string(),
  /** done: figures, e.g. how long writes paused */
  result: z.record(z.string(), z.unknown()).nullable(),
  error: z
    .object({ code: z.string(), message: z.string(), detail: z.string().optional(), hint: z.string().optional() })
    .nullable(),
  /** whose agent follows it; null in an installation of one host */
  host: z.string().nullable().optional(),
});
export type Operation = z.infer<typeof operationSchema>;

export const eventSchema = z.object({
  id: z.int(),
  at: z.string(),
  cluster: z.string(),
  member: z.string().nullable(),
  /** from the catalog, e.g. `failover.done` */
  type: z.string(),
  level: z.enum(["info", "warning", "error"]),
  /** in the user's words */
  message: z.string(),
  cause: z.string().nullable(),
  /** a user's name, or "matriarch" */
  actor: z.string(),
  duration_ms: z.number().nullable(),
  epoch: z.int().nullable(),
  details: z.record(z.string(), z.unknown()),
  /** which told it; null in an installation of one host */
  host: z.string().nullable().optional(),
});
export type ClusterEvent = z.infer<typeof eventSchema>;

export const connectionSchema = z.object({
  /** leads to `host` alone */
  uri: z.string(),
  host: z.string(),
  port: z.int(),
  /** the endpoint on every host, the one that was asked first */
  hosts: z.array(addressSchema),
  user: z.string(),
  database: z.string(),
  /** null when it is not kept: it was shown once */
  password: z.string().nullable(),
  sslmode: z.string(),
  sslrootcert: z.string(),
  /** start-up options, where the endpoint is asked for something; null: none */
  options: z.string().nullable().default(null),
});
export type Connection = z.infer<typeof connectionSchema>;

/** What `create` answers at once: the operation to follow, and the password, which is never shown again. */
export const createdSchema = z.object({ operation: operationSchema, connection: connectionSchema });

/** The verdict on one member as the new primary; `reason` is for a person. */
export const candidateSchema = z.object({
  member: z.string(),
  eligible: z.boolean(),
  chosen: z.boolean(),
  lag_bytes: z.number().nullable(),
  reason: z.string(),
});
export type Candidate = z.infer<typeof candidateSchema>;

export const explainSchema = z.object({
  cluster: z.string(),
  state: z.enum(clusterStates),
  summary: z.string(),
  store: storeStatusSchema,
  members: z.array(
    z.object({ member: z.string(), code: z.string(), because: z.string(), waiting_for: z.string().nullable() }),
  ),
  rule: z.object({ voters: z.array(z.string()), acks: z.int(), votes_to_elect: z.int().nullable(), previous: z.int() }),
  candidates: z.array(candidateSchema),
  survives: z.array(z.string()),
  does_not_survive: z.array(z.string()),
});
export type Explanation = z.infer<typeof explainSchema>;

export const agentStatusSchema = z.object({
  pid: z.int(),
  home: z.string(),
  socket: z.string(),
  version: z.string(),
  started_at: z.string(),
  router_pid: z.int().nullable(),
  clusters: z.int(),
  /** null: an installation on one machine */
  host: z.string().nullable(),
  store: storeStatusSchema,
});
export type AgentStatus = z.infer<typeof agentStatusSchema>;

/** Of the installation, PEM. */
export const authoritySchema = z.object({ certificate: z.string() });
