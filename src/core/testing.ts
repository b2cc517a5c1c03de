/**
 * Views for the tests of the core: a healthy cluster of a (the holder), b and c, of which each test changes what it is
 * about. Never imported by the product.
 */
import {
  defaultTimings,
  type ClusterRecord,
  type ClusterSpec,
  type Intent,
  type MemberId,
  type MemberRecord,
  type Reign,
  type Sleep,
  type Versioned,
  type Vote,
} from "../domain/cluster.ts";
import { toLsn } from "../domain/lsn.ts";
import { formatSyncNames, voterName, type CommitRule, type Voter } from "../domain/rule.ts";
import type { RunningServer, StandbyStream, StoppedServer } from "../domain/server.ts";
import type { TimelineHistory } from "../domain/timeline.ts";
import type { Decision } from "./decision.ts";
import { emptyMemory, type LeaseView, type Memory, type Peer, type View } from "./view.ts";

/** the monotonic and the wall clock of every view */
export const now = 100_000;
/** end of the log of a healthy cluster */
export const end = toLsn(1000n);

export interface ClusterChange {
  readonly spec?: Partial<ClusterSpec>;
  readonly reign?: Partial<Reign>;
  readonly rule?: CommitRule;
  readonly previous?: readonly CommitRule[];
  readonly records?: Readonly<Record<MemberId, Partial<MemberRecord>>>;
  readonly votes?: readonly Vote[];
  readonly intent?: Intent;
  readonly pausedUntil?: number;
  readonly sleep?: Sleep;
  readonly timelines?: TimelineHistory;
}

export interface ViewChange extends ClusterChange {
  readonly server?: View["server"];
  readonly peers?: Readonly<Record<MemberId, Partial<Peer> | undefined>>;
  readonly lease?: Partial<LeaseView>;
  readonly isWorkedOn?: boolean;
  readonly hushed?: number;
  readonly busy?: View["busy"];
  readonly memory?: Partial<Memory>;
}

export function voter(member: MemberId, incarnation = 1): Voter {
  return { member, incarnation };
}

/** `acks` of these, each with its first directory */
export function ruleOf(acks: number, ...members: readonly MemberId[]): CommitRule {
  return { voters: members.map((member) => voter(member)), acks };
}

export function voteOf(member: MemberId, lsn = end, change: Partial<Vote> = {}): Vote {
  return { epoch: 4, voter: voter(member), position: { timeline: 2, lsn }, ...change };
}

export function streamOf(member: MemberId, change: Partial<StandbyStream> = {}): StandbyStream {
  return { name: voterName(voter(member)), state: "streaming", isSync: true, flushed: end, replayed: end, ...change };
}

export function primary(change: Partial<RunningServer> = {}): RunningServer {
  return {
    ...standby({ role: "primary", upstream: null, receiving: false, streaming: false, slots: ["b", "c"] }),
    syncNames: formatSyncNames(ruleOf(1, "b", "c")),
    standbys: [streamOf("b"), streamOf("c")],
    ...change,
  };
}

export function standby(change: Partial<RunningServer> = {}): RunningServer {
  return {
    kind: "running",
    role: "standby",
    since: 0,
    timeline: 2,
    flushed: end,
    replayed: end,
    upstream: "a",
    receiving: true,
    streaming: true,
    notStreamingSince: undefined,
    walMissing: false,
    syncNames: "",
    standbys: [],
    slots: [],
    flushStuckSince: undefined,
    pendingRestart: false,
    configured: 1,
    ...change,
  };
}

export function stopped(change: Partial<StoppedServer> = {}): StoppedServer {
  return {
    kind: "stopped",
    clean: false,
    wasPrimary: true,
    timeline: 2,
    end: undefined,
    since: now - 10,
    failures: 0,
    damaged: false,
    ...change,
  };
}

/** Epoch 3 of "a" on timeline 2, open, with one acknowledgement of b and c, unless changed. */
export function clusterOf(change: ClusterChange = {}): ClusterRecord {
  const { spec, reign, rule = ruleOf(1, "b", "c"), previous = [], records = {}, votes = [], intent } = change;
  const members = spec?.members ?? ["a", "b", "c"];
  const ids = [...new Set([...members, ...Object.keys(records)])];
  return {
    revision: 1,
    spec: at({ ...firstSpec, members, ...spec }),
    reign: at({ ...firstReign, ...reign }),
    rule: at({ epoch: 3, rule, previous }),
    timelines: at(change.timelines ?? firstTimelines),
    members: Object.fromEntries(ids.map((id) => [id, at({ ...recordOf(id), ...records[id] })])),
    votes: Object.fromEntries(votes.map((vote) => [vote.voter.member, at(vote)])),
    intent: intent && at(intent),
    pause: change.pausedUntil === undefined ? undefined : at({ until: change.pausedUntil, by: "ann" }),
    sleep: change.sleep && at(change.sleep),
    attachments: {},
  };
}

/** What `self` knows: all servers are well and were heard of just now, and its promises last for a second. */
export function viewOf(self: MemberId, change: ViewChange = {}): View {
  const cluster = clusterOf(change);
  const { holder, epoch } = cluster.reign.value;
  const serverOf = (member: MemberId): RunningServer => (member === holder ? primary() : standby());
  const others = Object.keys(cluster.members).filter((member) => member !== self);
  const heard = others.flatMap((member): readonly (readonly [MemberId, Peer])[] => {
    const known = change.peers !== undefined && member in change.peers ? change.peers[member] : {};
    const peer = { heardAt: now, incarnation: 1, server: serverOf(member), epoch, eligible: true };
    return known === undefined ? [] : [[member, { ...peer, ...known }]];
  });
  return {
    self,
    now,
    wallNow: now,
    timings: defaultTimings,
    cluster,
    storeReachable: true,
    server: change.server ?? serverOf(self),
    peers: Object.fromEntries(heard),
    lease: {
      startedAt: 0,
      epochSeenAt: 0,
      held: ["b", "c"].map((member) => ({ voter: voter(member), safeUntil: now + 1000 })),
      given: undefined,
      heardHolderAt: undefined,
      ...change.lease,
    },
    isWorkedOn: change.isWorkedOn ?? false,
    hushed: change.hushed,
    busy: change.busy ?? [],
    memory: { ...emptyMemory, settled: true, ...change.memory },
  };
}

/** A decision in one line: `stop-receiver, record vote: votes`; undefined when the rule is silent. */
export function says(decision: Decision | undefined): string | undefined {
  if (!decision) return undefined;
  const actions = decision.actions.map((action) => (action.kind === "record" ? `record ${action.what}` : action.kind));
  return `${actions.join(", ") || "nothing"}: ${decision.because.code}`;
}

function at<T>(value: T): Versioned<T> {
  return { value, revision: 1 };
}

function recordOf(id: MemberId): MemberRecord {
  return {
    id,
    host: id,
    region: "local",
    zone: "local",
    port: 1,
    dataDirectory: "/",
    incarnation: 1,
    wish: "none",
    createdAt: 0,
  };
}

const firstTimelines: TimelineHistory = [
  { id: 1, parent: null, forkedAt: toLsn(0n), epoch: 1 },
  { id: 2, parent: 1, forkedAt: toLsn(500n), epoch: 3 },
];

const firstReign: Reign = {
  epoch: 3,
  holder: "a",
  incarnation: 1,
  timeline: 2,
  phase: "open",
  how: "election",
  since: 0,
};

const firstSpec: ClusterSpec = {
  name: "shop",
  generation: 1,
  major: 18,
  engine: "embedded",
  durability: "quorum",
  members: ["a", "b", "c"],
  primaryRegion: "local",
  lastMember: 3,
  wish: "running",
  memoryBytes: 1,
  cpus: 1,
  ports: { primary: 1, read: 2 },
  settings: {},
  readLagBytesMax: 1,
  failoverLagBytesMax: 100,
  systemIdentifier: "1",
  createdAt: 0,
};
