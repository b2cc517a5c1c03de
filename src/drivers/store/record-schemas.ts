/**
 * The stored form of every record of a cluster (domain/cluster.ts): JSON, positions of the log as Postgres writes them.
 * Used by records.ts alone. A field that is not named here is refused in both directions, so that no version drops in
 * silence what another wrote.
 */
import { z } from "zod";
import { attachmentRoles, type Attachment } from "../../domain/attachment.ts";
import {
  readFallbacks,
  type ClusterSpec,
  type Intent,
  type MemberRecord,
  type Pause,
  type RecordKey,
  type RecordValue,
  type Reign,
  type RuleRecord,
  type Sleep,
  type Vote,
} from "../../domain/cluster.ts";
import { localRegion } from "../../domain/host.ts";
import { formatLsn, type Lsn, parseLsn } from "../../domain/lsn.ts";
import { poolModes, type PoolSpec } from "../../domain/pool.ts";
import type { CommitRule, Voter } from "../../domain/rule.ts";
import type { TimelineHistory } from "../../domain/timeline.ts";
import { backupWishSchema } from "../pgbackrest/port.ts";

const lsn = z.codec(
  z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/, "an LSN such as 0/16B3748"),
  z.custom<Lsn>((value) => typeof value === "bigint" && value >= 0n && value < 1n << 64n),
  { decode: parseLsn, encode: formatLsn },
);

const count = z.int().nonnegative();
const id = z.string().min(1);
const port = z.int().min(1).max(65_535);

const voter: z.ZodType<Voter> = z.strictObject({ member: id, incarnation: count });
const rule: z.ZodType<CommitRule> = z
  .strictObject({ voters: z.array(voter), acks: count })
  .refine((value) => (value.voters.length === 0 ? value.acks === 0 : value.acks >= 1), "acks without voters, or none")
  .refine((value) => value.acks <= value.voters.length, "more acks than voters");

const settings = z.record(z.string(), z.string());

const namedLibraries = z.array(z.string());

const limited = z.strictObject({ memory: z.boolean(), cpus: z.boolean() });

const pool: z.ZodType<PoolSpec> = z.strictObject({
  isOn: z.boolean(),
  mode: z.enum(poolModes),
  size: z.int().positive(),
  reserve: count,
  maxClients: z.int().positive(),
  waitMs: z.int().positive(),
});

export const specSchema: z.ZodType<ClusterSpec> = z.strictObject({
  name: id,
  generation: count,
  major: z.int().positive(),
  engine: z.enum(["embedded", "system"]),
  engineDirectory: z.string().min(1).exactOptional(),
  durability: z.enum(["quorum", "strict", "async"]),
  members: z.array(id),
  primaryRegion: id.default(localRegion),
  lastMember: count,
  wish: z.enum(["running", "stopped"]),
  autostopMs: z.int().positive().exactOptional(),
  memoryBytes: z.int().positive(),
  cpus: z.number().positive(),
  volumeBytes: z.int().positive().exactOptional(),
  limited: limited.exactOptional(),
  fork: z.strictObject({ of: id, at: z.number(), expiresAt: z.number().exactOptional() }).exactOptional(),
  snapshots: z.strictObject({ daily: z.boolean(), keptDays: z.int().positive() }).exactOptional(),
  backups: backupWishSchema.exactOptional(),
  proofs: z.strictObject({ everyDays: count, tables: z.array(id), since: z.number() }).exactOptional(),
  ports: z.strictObject({ primary: port, read: port, pooled: port.exactOptional() }),
  pool: pool.exactOptional(),
  settings,
  namedLibraries: namedLibraries.exactOptional(),
  change: z
    .strictObject({
      operation: id,
      before: z
        .strictObject({
          settings,
          namedLibraries: namedLibraries.exactOptional(),
          memoryBytes: z.int().positive(),
          cpus: z.number().positive(),
          limited: limited.exactOptional(),
        })
        .exactOptional(),
    })
    .exactOptional(),
  readLagBytesMax: count,
  reads: z
    .strictObject({ lagMsMax: z.int().positive().exactOptional(), fallback: z.enum(readFallbacks).exactOptional() })
    .exactOptional(),
  failoverLagBytesMax: count,
  systemIdentifier: z.string(),
  createdAt: z.number(),
});

export const reignSchema: z.ZodType<Reign> = z.strictObject({
  epoch: count,
  holder: id,
  incarnation: count,
  timeline: count,
  phase: z.enum(["taken", "open", "released"]),
  how: z.enum(["bootstrap", "election", "handover", "restart", "forced"]),
  since: z.number(),
});

export const ruleSchema: z.ZodType<RuleRecord> = z.strictObject({ epoch: count, rule, previous: z.array(rule) });

export const timelinesSchema: z.ZodType<TimelineHistory> = z.array(
  z.strictObject({
    id: z.int().positive(),
    parent: z.int().positive().nullable(),
    forkedAt: lsn,
    epoch: count,
    isForced: z.literal(true).exactOptional(),
  }),
);

export const memberSchema: z.ZodType<MemberRecord> = z.strictObject({
  id,
  host: id,
  region: id.default(localRegion),
  zone: id.default(localRegion),
  port,
  dataDirectory: id,
  incarnation: count,
  wish: z.enum(["none", "reclone", "restart", "remove"]),
  version: id.exactOptional(),
  replaces: id.exactOptional(),
  upstream: id.exactOptional(),
  createdAt: z.number(),
});

export const voteSchema: z.ZodType<Vote> = z.strictObject({
  epoch: count,
  voter,
  position: z.strictObject({ timeline: count, lsn }),
});

const asked = { id, requestedAt: z.number(), by: z.string() };
export const intentSchema: z.ZodType<Intent> = z.discriminatedUnion("kind", [
  z.strictObject({ ...asked, kind: z.literal("switchover"), to: id.nullable(), epoch: count }),
  z.strictObject({
    ...asked,
    kind: z.literal("failover"),
    to: id.nullable(),
    epoch: count,
    acceptDataLoss: z.boolean(),
  }),
  z.strictObject({
    ...asked,
    kind: z.literal("restart"),
    pending: z.array(id),
    purpose: z.enum(["config", "upgrade"]).exactOptional(),
    inPlace: z.boolean().exactOptional(),
    slowestStartMs: z.number().exactOptional(),
    upgrade: z.strictObject({ to: id, from: z.record(id, id) }).exactOptional(),
    primaryFirst: z.boolean().exactOptional(),
  }),
]);

export const pauseSchema: z.ZodType<Pause> = z.strictObject({ until: z.number(), by: z.string() });

export const sleepSchema: z.ZodType<Sleep> = z.strictObject({
  phase: z.enum(["dozing", "asleep"]),
  epoch: count,
  since: z.number(),
});

export const attachmentSchema: z.ZodType<Attachment> = z.strictObject({
  app: id,
  database: id,
  user: id,
  role: z.enum(attachmentRoles),
  phase: z.enum(["making", "made", "attached", "detaching"]),
  variable: id,
  envFile: z.strictObject({ machine: z.string(), path: z.string() }).nullable(),
  isPooled: z.literal(true).exactOptional(),
  by: z.string(),
  createdAt: z.number(),
});

/** The schema that the record of this name must fit. */
export function schemaOf(key: RecordKey): z.ZodType<RecordValue> {
  switch (key) {
    case "spec":
      return specSchema;
    case "reign":
      return reignSchema;
    case "rule":
      return ruleSchema;
    case "timelines":
      return timelinesSchema;
    case "intent":
      return intentSchema;
    case "pause":
      return pauseSchema;
    case "sleep":
      return sleepSchema;
    default:
      if (key.startsWith("attachment/")) return attachmentSchema;
      return key.startsWith("member/") ? memberSchema : voteSchema;
  }
}
