/**
 * What an agent says of its members to the agents of the other hosts, and how it is read: log positions as text, checked
 * field by field. A look that does not fit is refused as a whole.
 */
import { z } from "zod";
import { formatReason, type Reason } from "../../core/reason.ts";
import type { ArchiveLook } from "../../domain/archive.ts";
import type { MemberId } from "../../domain/cluster.ts";
import { formatLsn, parseLsn, toLsn } from "../../domain/lsn.ts";
import type { ReadLag } from "../freshness.ts";
import type { LimitLook } from "../member-limits.ts";
import type { Server } from "../../domain/server.ts";

/** Of a running copy or rewind. */
export interface CopyProgress {
  readonly step: string;
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
}

export interface MemberLook {
  readonly incarnation: number;
  /** the epoch that its agent knows */
  readonly epoch: number;
  readonly server: Server;
  readonly hold: "no" | "planned" | "fenced";
  readonly reason: Reason | undefined;
  readonly busy: readonly string[];
  readonly pid: number | undefined;
  readonly progress: CopyProgress | undefined;
  /** version of Postgres that its next start is with; undefined from an agent of an older release */
  readonly installed?: string;
  readonly limits: LimitLook | undefined;
  /** of a standby, as a server to read from; left out by agents of older releases */
  readonly reads?: ReadLag | undefined;
  /** of the cluster, told with its primary */
  readonly archive?: ArchiveLook;
}

/**
 * What others must know at once: everything but positions of the log and counts of clients, which move all the time,
 * and the figures of a reason. Two looks of the same essence are told together, at the next sign of life.
 */
export function essenceOf(look: MemberLook): string {
  const { server, reason, progress: _progress, limits: _limits, archive: _archive, reads, ...rest } = look;
  return JSON.stringify([rest, reason?.code, serverEssence(server), reads?.isBehind]);
}

function serverEssence(server: Server): unknown {
  if (server.kind !== "running") return server.kind === "stopped" ? [server.kind, server.clean] : server;
  const { flushed: _flushed, replayed: _replayed, replayedAt: _at, clients: _clients, standbys, ...rest } = server;
  return [rest, standbys.map(({ name, state, isSync }) => [name, state, isSync])];
}

/** One message: what has changed since the last one, or all. */
export interface LookMessage {
  /** of the sender's agent; another one means that it has started anew */
  readonly boot: string;
  readonly version: string;
  /** all members of the host are in `looks`; those that are not are gone */
  readonly full: boolean;
  readonly looks: readonly { readonly cluster: string; readonly member: MemberId; readonly look: MemberLook }[];
  /** clusters whose members should look again at once */
  readonly poke: readonly string[];
  /** clusters that doze off and whose endpoints on this host have nobody: the doze's revision in the store */
  readonly hush: Readonly<Record<string, number>>;
  /** of the journal: newest sequence by origin (events/) */
  readonly heads: Readonly<Record<string, number>>;
}

export interface LookAnswer {
  readonly boot: string;
  readonly heads: Readonly<Record<string, number>>;
}

const lsn = z
  .string()
  .regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/)
  .transform(parseLsn);
const moment = z.number();
const role = z.enum(["primary", "standby"]);
const stream = z.object({
  name: z.string(),
  state: z.enum(["streaming", "catchup", "startup", "backup"]),
  isSync: z.boolean(),
  flushed: lsn.exactOptional(),
  replayed: lsn.exactOptional(),
});

const server = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("absent") }),
  z.object({
    kind: z.literal("stopped"),
    clean: z.boolean(),
    wasPrimary: z.boolean(),
    timeline: z.int(),
    end: lsn.exactOptional(),
    since: moment,
    failures: z.int(),
    damaged: z.boolean(),
    noRoom: z.boolean().exactOptional(),
    lastWords: z.string().exactOptional(),
  }),
  z.object({
    kind: z.literal("starting"),
    asPrimary: z.boolean(),
    since: moment,
    isHopeless: z.boolean().exactOptional(),
  }),
  z.object({
    kind: z.literal("running"),
    role,
    since: moment,
    version: z.string().exactOptional(),
    startedAt: z.number().exactOptional(),
    replayedAt: z.number().exactOptional(),
    timeline: z.int(),
    flushed: lsn,
    replayed: lsn,
    upstream: z.string().nullable(),
    receiving: z.boolean(),
    streaming: z.boolean(),
    notStreamingSince: moment.exactOptional(),
    walMissing: z.boolean(),
    syncNames: z.string(),
    standbys: z.array(stream),
    slots: z.array(z.string()),
    idleSlots: z.array(z.string()).exactOptional(),
    flushStuckSince: moment.exactOptional(),
    pendingRestart: z.boolean(),
    configured: z.int().nonnegative().default(0),
    settingsTooLow: z.boolean().exactOptional(),
    settingsRefused: z.string().exactOptional(),
    missingLibraries: z.array(z.string()).exactOptional(),
    clients: z.object({ connected: z.number(), served: z.number() }).exactOptional(),
  }),
  z.object({ kind: z.literal("unresponsive"), role, since: moment }),
]);

const reason = z.custom<Reason>(isReason);

const limits = z.object({
  memoryBytes: z.number().nullable(),
  cpus: z.number().nullable(),
  heldBytes: z.number().nullable(),
  problem: z.object({ why: z.string(), how: z.string() }).exactOptional(),
});

const archive = z.object({
  state: z.enum(["archiving", "failing", "given-up", "after-restart"]),
  reason: z.string().exactOptional(),
  waitingBytes: z.number(),
  archivedUntil: moment.exactOptional(),
  repositoryUntil: moment.exactOptional(),
  windows: z.array(z.object({ from: moment, until: moment })),
  firstSnapshotAt: moment.exactOptional(),
  hasEarlier: z.boolean().exactOptional(),
});

const look = z.object({
  incarnation: z.int(),
  epoch: z.int(),
  server,
  hold: z.enum(["no", "planned", "fenced"]),
  reason: reason.exactOptional(),
  busy: z.array(z.string()),
  pid: z.int().exactOptional(),
  installed: z.string().exactOptional(),
  progress: z
    .object({ step: z.string(), bytesDone: z.number(), bytesTotal: z.number().exactOptional() })
    .exactOptional(),
  limits: limits.exactOptional(),
  reads: z.object({ lagBytes: z.number(), lagMs: z.number().nullable(), isBehind: z.boolean() }).exactOptional(),
  archive: archive.exactOptional(),
});

const heads = z.record(z.string(), z.int().nonnegative());

const messageSchema = z.object({
  boot: z.string().min(1).max(100),
  version: z.string().max(100),
  full: z.boolean(),
  looks: z.array(z.object({ cluster: z.string().min(1), member: z.string().min(1), look })).max(10_000),
  poke: z.array(z.string()).max(10_000),
  // Not said by agents that know no sleep: they agree to none.
  hush: z.record(z.string(), z.int()).default({}),
  heads,
});

const answerSchema = z.object({ boot: z.string(), heads });

/** A sentence can be made of it: it is one of ours, or of a version that means the same. */
function isReason(value: unknown): value is Reason {
  if (typeof value !== "object" || value === null || !("code" in value)) return false;
  try {
    return typeof Reflect.apply(formatReason, undefined, [value]) === "string";
  } catch {
    return false;
  }
}

/** As plain JSON: positions as text, and without the fields that are undefined. */
export function encodeMessage(message: LookMessage): unknown {
  const text = JSON.stringify(message, (_key, value: unknown) =>
    typeof value === "bigint" ? formatLsn(toLsn(value)) : value,
  );
  return JSON.parse(text);
}

/** @throws z.ZodError */
export function decodeMessage(value: unknown): LookMessage {
  const parsed = messageSchema.parse(value);
  return {
    ...parsed,
    looks: parsed.looks.map(({ cluster, member, look: said }) => ({
      cluster,
      member,
      look: {
        ...said,
        server: withMissing(said.server),
        reason: said.reason,
        pid: said.pid,
        ...(said.installed === undefined ? {} : { installed: said.installed }),
        ...(said.reads === undefined ? {} : { reads: said.reads }),
        limits: said.limits,
        ...(said.archive && { archive: said.archive }),
        progress: said.progress && { ...said.progress, bytesTotal: said.progress.bytesTotal },
      },
    })),
  };
}

/** @throws z.ZodError */
export function decodeAnswer(value: unknown): LookAnswer {
  return answerSchema.parse(value);
}

type WireServer = z.output<typeof server>;

/** Fields that are there and undefined in the domain are left out on the wire. */
function withMissing(said: WireServer): Server {
  switch (said.kind) {
    case "stopped":
      return { ...said, end: said.end };
    case "running":
      return {
        ...said,
        notStreamingSince: said.notStreamingSince,
        flushStuckSince: said.flushStuckSince,
        standbys: said.standbys.map((row) => ({ ...row, flushed: row.flushed, replayed: row.replayed })),
      };
    default:
      return said;
  }
}
