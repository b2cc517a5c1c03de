/**
 * What the store holds of one cluster (design, section 4), as the core sees it: plain values, each with the revision
 * at which it was last written. Times that outlive a process are wall-clock milliseconds; everything that decides
 * about safety is an epoch, a revision or a position instead.
 */
import type { Attachment } from "./attachment.ts";
import type { BackupWish } from "./backup.ts";
import type { PoolSpec } from "./pool.ts";
import type { ProofPolicy } from "./proof-policy.ts";
import type { CommitRule, Voter } from "./rule.ts";
import type { TimelineHistory, WalPosition } from "./timeline.ts";

export type MemberId = string;

export type Durability = "quorum" | "strict" | "async";
export type EngineKind = "embedded" | "system";

/** A value of the store with the revision of its last change. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

/** What the user asked for. */
export interface ClusterSpec {
  readonly name: string;
  /** rises with every change that a user makes */
  readonly generation: number;
  /** major version of Postgres, 14 to 18 */
  readonly major: number;
  readonly engine: EngineKind;
  /** with the system engine: the user's own build, the same path on every host; left out: what packages brought */
  readonly engineDirectory?: string;
  readonly durability: Durability;
  /** the members that should exist */
  readonly members: readonly MemberId[];
  /** where the primary and the voters are; members elsewhere are read replicas */
  readonly primaryRegion: string;
  /** highest number ever given to a member: ids are never used twice */
  readonly lastMember: number;
  /** whether the servers should run at all (`stop`, `start`) */
  readonly wish: "running" | "stopped";
  /** without a client for so long it falls asleep, and the next client wakes it; left out: never */
  readonly autostopMs?: number;
  /** memory that the cluster's tuning assumes for each member */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** size of each member's volume; without it a volume may grow as large as its file system */
  readonly volumeBytes?: number;
  /** which of the two the user gave: each server is kept to them. What Matriarch chose is for the tuning alone */
  readonly limited?: { readonly memory: boolean; readonly cpus: boolean };
  /** it began as a copy of this cluster, as that was then; past `expiresAt` it is destroyed by itself */
  readonly fork?: { readonly of: string; readonly at: number; readonly expiresAt?: number };
  /** how snapshots are taken and kept, where it is not the usual way */
  readonly snapshots?: { readonly daily: boolean; readonly keptDays: number };
  /** where it is backed up to, and when; left out: nowhere but on its hosts */
  readonly backups?: BackupWish;
  /** how often it is restored as a test, where it is not the usual way */
  readonly proofs?: ProofPolicy;
  /** `pooled` once there has been a pooled endpoint: it keeps its port while it is off */
  readonly ports: { readonly primary: number; readonly read: number; readonly pooled?: number };
  /** left out: there never was a pooled endpoint */
  readonly pool?: PoolSpec;
  /** settings given by the user, by their Postgres names in lower case */
  readonly settings: Readonly<Record<string, string>>;
  /** of the libraries in them, those that somebody named by hand; the others are there for extensions */
  readonly namedLibraries?: readonly string[];
  /** the last change of settings, or of what they are computed from */
  readonly change?: SettingsChange;
  /** a standby that replays further behind than this serves no reads */
  readonly readLagBytesMax: number;
  /** which servers serve reads, where it is not the usual way */
  readonly reads?: ReadPolicy;
  /** with durability `async`: how much may be lost by an automatic failover */
  readonly failoverLagBytesMax: number;
  readonly systemIdentifier: string;
  readonly createdAt: number;
}

/** What servers of a cluster are started with. */
export type EngineChoice = Pick<ClusterSpec, "engine" | "engineDirectory" | "major">;

export function engineOf({ engine, engineDirectory, major }: EngineChoice): EngineChoice {
  return { engine, major, ...(engineDirectory === undefined ? {} : { engineDirectory }) };
}

/** Of the read endpoint; the limit in bytes stands beside it. */
export interface ReadPolicy {
  /** a standby whose last replayed change is older than this, while there are newer ones, serves no reads */
  readonly lagMsMax?: number;
  /** no standby is fit: the primary serves reads, or nobody does; left out: the primary */
  readonly fallback?: ReadFallback;
}

export const readFallbacks = ["primary", "refuse"] as const;
export type ReadFallback = (typeof readFallbacks)[number];

export interface SettingsChange {
  /** id of the operation that made it */
  readonly operation: string;
  /** what it goes back to when a server does not start with it; gone once it is in force everywhere */
  readonly before?: Tuning;
}

/** What of a spec decides about settings. */
export type Tuning = Pick<ClusterSpec, "settings" | "namedLibraries" | "memoryBytes" | "cpus" | "limited">;

/** Who may be primary. `epoch` only rises; 0 before the first holder. */
export interface Reign {
  readonly epoch: number;
  readonly holder: MemberId;
  /** the holder's data directory when it took the epoch */
  readonly incarnation: number;
  /** the timeline on which the holder writes, reserved for it before it promotes */
  readonly timeline: number;
  /** taken: not yet serving. open: the barrier has passed. released: the holder has given its time back */
  readonly phase: "taken" | "open" | "released";
  readonly how: "bootstrap" | "election" | "handover" | "restart" | "forced";
  readonly since: number;
}

/** The rule in force, and until the barrier of `epoch` also those that may have acknowledged before it (P2). */
export interface RuleRecord {
  readonly epoch: number;
  readonly rule: CommitRule;
  readonly previous: readonly CommitRule[];
}

export interface MemberRecord {
  readonly id: MemberId;
  readonly host: string;
  /** of its host, when it was placed there */
  readonly region: string;
  readonly zone: string;
  /** port of the member's own server on its host */
  readonly port: number;
  readonly dataDirectory: string;
  /** rises whenever the data directory is rewound, re-cloned or restored */
  readonly incarnation: number;
  /** `reclone` and `restart` are wishes of the operator, taken back when fulfilled */
  readonly wish: "none" | "reclone" | "restart" | "remove";
  /** of Postgres, `18.4`: what its server is started with (embedded engine; elsewhere what the machine has installed) */
  readonly version?: string;
  /** it takes the place of this member, which goes as soon as this one can do what that one did */
  readonly replaces?: MemberId;
  /** it streams from this member as long as that one does so itself, and never votes; left out: from the primary */
  readonly upstream?: MemberId;
  readonly createdAt: number;
}

/** A standby's promise to acknowledge nothing and to grant no time for an epoch below `epoch` (P4). */
export interface Vote {
  readonly epoch: number;
  readonly voter: Voter;
  readonly position: WalPosition;
}

export type Intent = SwitchoverIntent | FailoverIntent | RestartIntent;

interface IntentBase {
  /** also the id of the operation that tells its progress */
  readonly id: string;
  readonly requestedAt: number;
  readonly by: string;
}
/** A planned change of the primary; both sides are healthy. `to` undefined lets the core choose. */
export interface SwitchoverIntent extends IntentBase {
  readonly kind: "switchover";
  readonly to: MemberId | null;
  /** the epoch that it was asked of: done, or failed, when the epoch has moved on */
  readonly epoch: number;
}
/** The operator gives the primary up. `acceptDataLoss` allows an election that lacks votes. */
export interface FailoverIntent extends IntentBase {
  readonly kind: "failover";
  readonly to: MemberId | null;
  readonly epoch: number;
  readonly acceptDataLoss: boolean;
}
/** Restart of some or all members, standbys first, one at a time; each goes from the list once it streams again. */
export interface RestartIntent extends IntentBase {
  readonly kind: "restart";
  readonly pending: readonly MemberId[];
  /** what it is for; left out: somebody asked for a restart */
  readonly purpose?: "config" | "upgrade";
  /** the primary is restarted where it is, whoever could take over */
  readonly inPlace?: boolean;
  /** the longest that a standby took from its start to streaming: what a start costs with this much of everything */
  readonly slowestStartMs?: number;
  /** each starts with this version of Postgres in its turn; `from`: what each is put back to when it does not start */
  readonly upgrade?: { readonly to: string; readonly from: Readonly<Record<MemberId, string>> };
  /** the primary in place, before its standbys: settings that bind them are lowered, and they may not go below it (P10) */
  readonly primaryFirst?: boolean;
}

/** No automation until `until` (wall clock). */
export interface Pause {
  readonly until: number;
  readonly by: string;
}

/**
 * No client for as long as `autostopMs` says. dozing: endpoints hold new clients while it is made sure that there is
 * none; asleep: the servers stop, and stay stopped. Whoever deletes it wakes the cluster.
 */
export interface Sleep {
  readonly phase: "dozing" | "asleep";
  /** of the holder that began it: under another one it counts no more */
  readonly epoch: number;
  /** wall clock */
  readonly since: number;
}

export interface ClusterRecord {
  /** the store's revision that this is a picture of */
  readonly revision: number;
  readonly spec: Versioned<ClusterSpec>;
  readonly reign: Versioned<Reign>;
  readonly rule: Versioned<RuleRecord>;
  readonly timelines: Versioned<TimelineHistory>;
  readonly members: Readonly<Record<MemberId, Versioned<MemberRecord>>>;
  readonly votes: Readonly<Record<MemberId, Versioned<Vote>>>;
  readonly intent: Versioned<Intent> | undefined;
  readonly pause: Versioned<Pause> | undefined;
  readonly sleep: Versioned<Sleep> | undefined;
  /** by their applications' names as they stand in keys */
  readonly attachments: Readonly<Record<string, Versioned<Attachment>>>;
}

/** Name of one record within a cluster's part of the store. */
export type RecordKey =
  | "spec"
  | "reign"
  | "rule"
  | "timelines"
  | "intent"
  | "pause"
  | "sleep"
  | `member/${string}`
  | `vote/${string}`
  | `attachment/${string}`;

/** All or nothing: written only if every required record still has the revision given (0: does not exist). */
export interface ClusterTxn {
  readonly require: readonly { readonly key: RecordKey; readonly revision: number }[];
  /** `null` deletes the record */
  readonly write: readonly { readonly key: RecordKey; readonly value: RecordValue | null }[];
}

export type RecordValue =
  | ClusterSpec
  | Reign
  | RuleRecord
  | TimelineHistory
  | Intent
  | Pause
  | Sleep
  | MemberRecord
  | Vote
  | Attachment;

/** Nobody needs its servers, and they are down or on the way. */
export function isAsleep({ sleep }: Pick<ClusterRecord, "sleep">): boolean {
  return sleep?.value.phase === "asleep";
}

/** Its servers are to be down, by wish or because nobody needs them. */
export function isToRest(cluster: Pick<ClusterRecord, "spec" | "sleep">): boolean {
  return cluster.spec.value.wish === "stopped" || isAsleep(cluster);
}

/** It has a pooled endpoint now. */
export function hasPool({ spec }: Pick<ClusterRecord, "spec">): boolean {
  return spec.value.pool?.isOn === true;
}

export function voterOf(member: MemberRecord): Voter {
  return { member: member.id, incarnation: member.incarnation };
}

/** Timings of the protocol, milliseconds. */
export interface Timings {
  /** between two heartbeats */
  readonly heartbeatMs: number;
  /** D: how long a promise binds a voter (P1) */
  readonly promiseMs: number;
  /** kept back by the holder: 100 ms for stopping Postgres, the rest for two clocks that run up to 15 % apart */
  readonly marginMs: number;
  /** a server that answers nothing for so long is treated as failed (P7) */
  readonly unresponsiveMs: number;
  /** a commit or a barrier that does not return for so long */
  readonly wedgedMs: number;
  /** a voter that does not stream for so long is lost for good (durability quorum) */
  readonly voterLostMs: number;
  /** one turn that the second-best candidate leaves to the best */
  readonly turnMs: number;
  /** promotion must be over within this */
  readonly promoteMs: number;
  /** a clean stop must be over within this */
  readonly stopMs: number;
  /** server start to accepting connections */
  readonly startMs: number;
  /** a standby that should stream and does not */
  readonly stuckMs: number;
  /** everything is looked at at least so often */
  readonly tickMs: number;
}

export const defaultTimings: Timings = {
  heartbeatMs: 200,
  promiseMs: 1500,
  marginMs: 300,
  unresponsiveMs: 1200,
  wedgedMs: 5000,
  voterLostMs: 5000,
  turnMs: 150,
  promoteMs: 10_000,
  stopMs: 5000,
  startMs: 60_000,
  stuckMs: 5000,
  tickMs: 1000,
};

/** With another time for promises; a fifth of it is kept back, so that clocks may be as far apart however long it is. */
export function timingsFor(promiseMs: number): Timings {
  return { ...defaultTimings, promiseMs, marginMs: Math.max(defaultTimings.marginMs, promiseMs / 5) };
}

/** Revision of a record as the picture shows it; 0 when it is not there. */
export function revisionOf(cluster: ClusterRecord, key: RecordKey): number {
  switch (key) {
    case "spec":
    case "reign":
    case "rule":
    case "timelines":
    case "intent":
    case "pause":
    case "sleep":
      return cluster[key]?.revision ?? 0;
    default:
      if (key.startsWith("attachment/")) return cluster.attachments[key.slice(11)]?.revision ?? 0;
      return (key.startsWith("member/") ? cluster.members[key.slice(7)] : cluster.votes[key.slice(5)])?.revision ?? 0;
  }
}
