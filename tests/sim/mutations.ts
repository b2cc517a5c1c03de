/**
 * Ways to break the protocol, at least one for each of its rules, as wirings around the core. The simulator must find
 * each within its budget of seeds (sim.test.ts): a rule whose breaking nobody notices is not proven by its seeds.
 */
import type { Action, RecordAction } from "../../src/core/action.ts";
import type { Decision } from "../../src/core/decision.ts";
import { isCascaded } from "../../src/core/regions.ts";
import { holdsEpoch } from "../../src/core/standing.ts";
import type { View } from "../../src/core/view.ts";
import type { ClusterRecord, ClusterTxn, Durability, RuleRecord } from "../../src/domain/cluster.ts";
import { zeroLsn, toLsn } from "../../src/domain/lsn.ts";
import type { RunningServer } from "../../src/domain/server.ts";
import {
  agentStuckForGood,
  answersTakeLong,
  forcedWithoutTheNewest,
  hearsTheHolderAfterVoting,
  hostHearsOfNoDoze,
  replicaIsAhead,
  upstreamThenPrimaryLost,
  type Script,
} from "./scripts.ts";
import { faithful, type Switch, type Wiring } from "./wiring.ts";

export interface Mutation {
  readonly name: string;
  /** the rule of the protocol that it breaks */
  readonly breaks: string;
  readonly what: string;
  readonly wiring: Wiring;
  /** seeds within which it must be found */
  readonly budget: number;
  readonly members?: number;
  /** members in another region */
  readonly far?: number;
  /** members that follow a standby */
  readonly cascaded?: number;
  readonly durability?: Durability;
  readonly sleepy?: boolean;
  /** the only faults, where it shows under few of them */
  readonly faults?: readonly string[];
  /** these faults, where it takes several at the right moments */
  readonly script?: Script;
  /** the invariant that must show it, where another one would show something else */
  readonly shownBy?: string;
  /** a seed that has shown it, tried first; the search goes on without it when it no longer does */
  readonly likely?: number;
}

function broken(change: Partial<Wiring>): Wiring {
  return { ...faithful, ...change };
}

function flipped(...switches: readonly Switch[]): Wiring {
  return broken({ switches: new Set(switches) });
}

function withServer(view: View, change: (server: RunningServer) => RunningServer): View {
  return view.server.kind === "running" ? { ...view, server: change(view.server) } : view;
}

function withCluster(view: View, change: Partial<ClusterRecord>): View {
  return { ...view, cluster: { ...view.cluster, ...change } };
}

function mapRecords(decision: Decision, map: (action: RecordAction) => readonly Action[]): Decision {
  return {
    ...decision,
    actions: decision.actions.flatMap((action) => (action.kind === "record" ? map(action) : [action])),
  };
}

function ruleOf(txn: ClusterTxn): RuleRecord | undefined {
  const value = txn.write.find(({ key }) => key === "rule")?.value;
  return value && "rule" in value ? value : undefined;
}

/** Every member counts as one of the primary region. The own record stays as it is: a member writes it back. */
function withoutRegions(view: View): View {
  const { members, spec } = view.cluster;
  const region = members[view.self]?.value.region ?? spec.value.primaryRegion;
  const here = Object.entries(members).map(([id, member]) => [id, { ...member, value: { ...member.value, region } }]);
  return withCluster(view, {
    members: Object.fromEntries(here),
    spec: { ...spec, value: { ...spec.value, primaryRegion: region } },
  });
}

/** Every member counts as one that follows the primary. For the holder's view: others write their own record back. */
function withoutCascades(view: View): View {
  const plain = Object.entries(view.cluster.members).map(([id, member]) => {
    const { upstream: _named, ...value } = member.value;
    return [id, { ...member, value }];
  });
  return withCluster(view, { members: Object.fromEntries(plain) });
}

/** A member that is named must have its say. */
function namedInTheRule(view: View): View {
  const { rule, members } = view.cluster;
  const own = { member: view.self, incarnation: members[view.self]?.value.incarnation ?? 1 };
  const named = { ...rule.value.rule, voters: [...rule.value.rule.voters, own] };
  return withCluster(view, { rule: { ...rule, value: { ...rule.value, rule: named } } });
}

const farLsn = toLsn(2n ** 60n);

export const mutations: readonly Mutation[] = [
  {
    name: "promise-counted-from-answer",
    breaks: "P1",
    what: "a promise counts from when its answer arrived instead of from before the heartbeat left",
    wiring: flipped("promise-counted-from-answer"),
    budget: 30,
    members: 3,
    durability: "quorum",
    script: answersTakeLong,
  },
  {
    name: "margin-ignored",
    breaks: "P1",
    what: "the holder counts promises past their end instead of short of it",
    wiring: flipped("margin-ignored"),
    budget: 100,
  },
  {
    name: "votes-at-start",
    breaks: "P1",
    what: "a voter whose guard has just started, or that has promised, votes at once",
    wiring: flipped("guard-lets-vote-at-start"),
    budget: 250,
    members: 3,
    durability: "quorum",
    faults: ["crash-guard", "isolate"],
    likely: 167,
  },
  {
    name: "given-not-reported",
    breaks: "P1",
    what: "the guard keeps to itself what it has promised, and its member votes while that binds",
    wiring: flipped("given-not-reported"),
    budget: 50,
  },
  {
    name: "barrier-skipped",
    breaks: "P2",
    what: "clients are let in, and earlier rules dropped, without a first commit on the new voters",
    wiring: broken({ action: (action) => (action.kind === "barrier" ? undefined : action) }),
    budget: 100,
  },
  {
    name: "earlier-rules-forgotten",
    breaks: "P2",
    what: "an election before the barrier satisfies the newest rule only",
    wiring: broken({
      view: (view) => {
        const { rule } = view.cluster;
        return withCluster(view, { rule: { ...rule, value: { ...rule.value, previous: [] } } });
      },
    }),
    budget: 300,
  },
  {
    name: "holder-restarts-in-its-epoch",
    breaks: "P2",
    what: "an unclean primary starts again in the same epoch, without a new barrier",
    wiring: broken({
      decision: (view, decision) =>
        decision.because.code === "server-died-restart"
          ? mapRecords(decision, () => [
              {
                kind: "start",
                as: "primary",
                epoch: view.cluster.reign.value.epoch,
                rule: view.cluster.rule.value.rule,
                upstream: null,
              },
            ])
          : decision,
    }),
    budget: 600,
  },
  {
    name: "laxer-to-the-store-first",
    breaks: "P3",
    what: "a rule that makes elections laxer reaches the store before Postgres follows it",
    wiring: broken({
      decision: (view, decision) => ({
        ...decision,
        actions: decision.actions.map((action): Action => {
          const { code } = decision.because;
          const laxer = code === "voter-joins" || code === "voter-leaves" || code === "acks-change";
          if (action.kind !== "set-rule" || !laxer) return action;
          const { revision } = view.cluster.rule;
          const value = { ...view.cluster.rule.value, rule: action.rule };
          return {
            kind: "record",
            what: "rule-laxer",
            txn: { require: [{ key: "rule", revision }], write: [{ key: "rule", value }] },
          };
        }),
      }),
    }),
    budget: 20,
  },
  {
    name: "stricter-to-postgres-first",
    breaks: "P3",
    what: "a rule that makes elections stricter is followed by Postgres before the store has it",
    wiring: broken({
      decision: (view, decision) =>
        mapRecords(decision, (action) => {
          const rule = action.what === "rule-stricter" ? ruleOf(action.txn)?.rule : undefined;
          if (!rule) return [action];
          return [{ kind: "set-rule", epoch: view.cluster.reign.value.epoch, rule, endStreams: [] }, action];
        }),
    }),
    budget: 20,
  },
  {
    name: "names-not-awaited",
    breaks: "P3",
    what: "the reload of new names counts as done before every walsender has read them",
    wiring: flipped("reload-not-awaited"),
    budget: 100,
  },
  {
    name: "flush-of-the-rest-not-awaited",
    breaks: "P3",
    what: "a voter is dropped before the others have flushed what it alone may have acknowledged",
    wiring: broken({
      memory: (memory) => (memory.laxer ? { ...memory, laxer: { ...memory.laxer, until: zeroLsn } } : memory),
    }),
    budget: 400,
    members: 3,
    durability: "quorum",
    faults: ["crash-host", "flush-stuck", "cut-pair"],
    likely: 28,
  },
  {
    name: "unknown-taken-as-failed",
    breaks: "P3",
    what: "a record whose outcome is unknown is taken as not written",
    wiring: flipped("unknown-taken-as-failed"),
    budget: 200,
    members: 4,
    durability: "quorum",
    faults: ["store-election", "cut-pair", "cut-from-store"],
  },
  {
    name: "never-settles",
    breaks: "P3",
    what: "a read of the store is taken as proof that nothing is on its way any more",
    wiring: broken({ memory: (memory) => ({ ...memory, settled: true, unsure: [] }) }),
    budget: 600,
    members: 3,
    durability: "quorum",
    faults: ["store-election", "cut-pair", "cut-from-store"],
    likely: 12,
  },
  {
    name: "rebuilt-directory-keeps-its-name",
    breaks: "P3",
    what: "a directory that was copied anew streams as the voter that it was before",
    wiring: flipped("incarnation-not-in-stream-name"),
    budget: 50,
  },
  {
    name: "promises-despite-vote",
    breaks: "P4",
    what: "a voter promises time to the holder although its vote for the next epoch stands",
    wiring: flipped("promises-despite-vote"),
    budget: 30,
    members: 3,
    durability: "quorum",
    script: hearsTheHolderAfterVoting,
  },
  {
    name: "votes-while-listening",
    breaks: "P4",
    what: "a standby votes with its WAL receiver running",
    wiring: broken({
      switches: new Set<Switch>(["receiver-not-stopped"]),
      view: (view) =>
        view.server.kind === "running" &&
        view.server.role === "standby" &&
        view.lease.heardHolderAt !== undefined &&
        view.now - view.lease.heardHolderAt > view.timings.promiseMs
          ? withServer(view, (server) => ({ ...server, receiving: false, upstream: null }))
          : view,
    }),
    budget: 600,
  },
  {
    name: "follows-before-withdrawing",
    breaks: "P4",
    what: "a standby that hears the holder again follows it while its vote still stands",
    wiring: broken({
      view: (view) => {
        const { heardHolderAt } = view.lease;
        if (heardHolderAt === undefined || view.now - heardHolderAt > 400) return view;
        const { [view.self]: _own, ...votes } = view.cluster.votes;
        return withCluster(view, { votes });
      },
    }),
    budget: 600,
  },
  {
    name: "one-vote-too-few",
    breaks: "P5",
    what: "an election is won with one vote fewer than it needs",
    wiring: broken({
      view: (view) => {
        if (holdsEpoch(view)) return view;
        const { rule } = view.cluster;
        const fewer = (of: RuleRecord["rule"]) => ({ ...of, acks: of.voters.length === 0 ? 0 : of.acks + 1 });
        const value = { ...rule.value, rule: fewer(rule.value.rule), previous: rule.value.previous.map(fewer) };
        return withCluster(view, { rule: { ...rule, value } });
      },
    }),
    budget: 100,
  },
  {
    name: "anyone-wins",
    breaks: "P5",
    what: "the winner need not have the end of the log",
    wiring: broken({
      view: (view) => {
        const votes = Object.entries(view.cluster.votes).map(([member, vote]) => [
          member,
          { ...vote, value: { ...vote.value, position: { timeline: 1, lsn: zeroLsn } } },
        ]);
        return withCluster(view, { votes: Object.fromEntries(votes) });
      },
    }),
    budget: 100,
  },
  {
    name: "store-without-transactions",
    breaks: "P5",
    what: "the store writes although what was required has changed",
    wiring: flipped("store-ignores-requirements"),
    budget: 100,
  },
  {
    name: "timelines-not-planted",
    breaks: "P6",
    what: "Postgres promotes without knowing of timelines that others have begun",
    wiring: flipped("timelines-not-planted"),
    budget: 100,
  },
  {
    name: "timeline-not-reserved",
    breaks: "P6",
    what: "the winner's timeline is not written to the store",
    wiring: broken({
      decision: (_view, decision) =>
        mapRecords(decision, (action) => [
          { ...action, txn: { ...action.txn, write: action.txn.write.filter(({ key }) => key !== "timelines") } },
        ]),
    }),
    budget: 100,
  },
  {
    name: "guard-never-fences",
    breaks: "P7",
    what: "the guard leaves fencing to an agent that may be slow",
    wiring: flipped("guard-never-fences"),
    budget: 100,
  },
  {
    name: "fence-does-nothing",
    breaks: "P7",
    what: "neither agent nor guard ends a primary whose time is up",
    wiring: flipped("guard-never-fences", "fence-does-nothing"),
    budget: 100,
  },
  {
    name: "heartbeat-without-agent",
    breaks: "P7",
    what: "the guard goes on keeping the time of a member whose agent is stuck",
    wiring: flipped("heartbeat-without-agent"),
    budget: 5,
    members: 3,
    durability: "quorum",
    script: agentStuckForGood,
  },
  {
    name: "target-not-checked",
    breaks: "P8",
    what: "the epoch is handed to a target without its word that it has the end of the log",
    wiring: broken({
      view: (view) => {
        if (view.server.kind !== "stopped") return view;
        const peers = Object.entries(view.peers).map(([member, peer]) => [
          member,
          peer.server.kind === "running"
            ? { ...peer, server: { ...peer.server, flushed: farLsn, replayed: farLsn } }
            : peer,
        ]);
        return { ...view, peers: Object.fromEntries(peers) };
      },
    }),
    budget: 100,
    members: 3,
    durability: "quorum",
    faults: ["switchover", "crash-server", "lossy-link", "cut-pair"],
  },
  {
    name: "replicas-become-voters",
    breaks: "P3",
    what: "a read replica that has caught up is admitted to the commit rule",
    wiring: broken({ view: (view) => (holdsEpoch(view) ? withoutRegions(view) : view) }),
    budget: 5,
    members: 3,
    far: 1,
    durability: "quorum",
  },
  {
    name: "replicas-stand-for-election",
    breaks: "P5",
    what: "a read replica votes, and takes the epoch when its log is ahead",
    wiring: broken({ view: (view) => (holdsEpoch(view) ? view : withoutRegions(view)) }),
    budget: 5,
    members: 3,
    far: 1,
    durability: "quorum",
    script: replicaIsAhead,
    shownBy: "I10",
  },
  {
    name: "cascaded-become-voters",
    breaks: "P3",
    what: "a replica that follows a standby is admitted to the commit rule",
    wiring: broken({ view: (view) => (holdsEpoch(view) ? withoutCascades(view) : view) }),
    budget: 5,
    members: 3,
    cascaded: 1,
    durability: "quorum",
    faults: ["upstream-lost"],
    shownBy: "I12",
  },
  {
    name: "cascaded-vote",
    breaks: "P5",
    what: "a replica that follows a standby votes when the primary is lost",
    wiring: broken({ view: (view) => (isCascaded(view.cluster, view.self) ? namedInTheRule(view) : view) }),
    budget: 5,
    members: 3,
    cascaded: 1,
    durability: "quorum",
    script: upstreamThenPrimaryLost,
    shownBy: "I12",
  },
  {
    name: "waits-for-its-upstream",
    breaks: "P9",
    what: "a replica that follows a standby waits for it while it is away",
    wiring: broken({
      action: (action, view) => {
        const named = view.cluster.members[view.self]?.value.upstream;
        const follows = action.kind === "follow" || (action.kind === "start" && action.as === "standby");
        return named !== undefined && follows && action.upstream !== null ? { ...action, upstream: named } : action;
      },
    }),
    budget: 5,
    members: 4,
    cascaded: 1,
    durability: "quorum",
    script: upstreamThenPrimaryLost,
    shownBy: "I6",
  },
  {
    name: "named-voters-outside-do-not-vote",
    breaks: "P5",
    what: "a voter named in the rule has no say once the primary region is another one",
    wiring: broken({
      view: (view) => {
        const { spec } = view.cluster;
        const own = view.cluster.members[view.self]?.value.region;
        if (holdsEpoch(view) || own === spec.value.primaryRegion) return view;
        const { rule } = view.cluster;
        const others = rule.value.rule.voters.filter(({ member }) => member !== view.self);
        return withCluster(view, { rule: { ...rule, value: { ...rule.value, rule: { voters: others, acks: 1 } } } });
      },
    }),
    budget: 100,
    members: 3,
    far: 2,
    durability: "quorum",
    faults: ["change-region", "crash-host", "directory-gone"],
  },
  {
    name: "holder-stays-outside",
    breaks: "P8",
    what: "the holder does not move to the region where the primary belongs by now",
    wiring: broken({
      decision: (_view, decision) =>
        decision.because.code.startsWith("switchover-") ? { ...decision, actions: [] } : decision,
    }),
    budget: 10,
    members: 3,
    far: 2,
    durability: "quorum",
    faults: ["change-region"],
    shownBy: "I6",
  },
  {
    name: "old-primary-left-stopped",
    breaks: "P8",
    what: "after a switchover that failed the old primary does not start again",
    wiring: broken({
      decision: (_view, decision) =>
        decision.because.code === "server-died-restart" ? { ...decision, actions: [] } : decision,
    }),
    budget: 100,
    faults: ["switchover", "freeze-server", "cut-pair"],
    shownBy: "I7",
  },
  {
    name: "comes-back-as-primary",
    breaks: "P9",
    what: "a server that was a primary starts as one, whoever holds the epoch now",
    wiring: broken({
      action: (action, view) =>
        action.kind === "start" && view.server.kind === "stopped" && view.server.wasPrimary
          ? { ...action, as: "primary", upstream: null }
          : action,
    }),
    budget: 50,
  },
  {
    name: "standby-starts-with-less",
    breaks: "P10",
    what: "a standby starts with less than its primary had of a setting that binds it",
    wiring: flipped("standby-starts-with-less"),
    budget: 50,
    faults: ["settings", "restart", "restart-primary-first", "crash-server"],
    shownBy: "I6",
  },
  {
    name: "too-low-stays",
    breaks: "P10",
    what: "a standby whose primary has more of what binds it is not started anew",
    wiring: broken({
      decision: (_view, decision) =>
        decision.because.code === "settings-too-low" ? { ...decision, actions: [] } : decision,
    }),
    budget: 50,
    faults: ["settings", "restart", "restart-primary-first", "crash-server"],
    shownBy: "I6",
  },
  {
    name: "diverged-stays",
    breaks: "P9",
    what: "a member that has diverged is not rebuilt",
    wiring: broken({ memory: (memory) => ({ ...memory, rebuild: undefined }) }),
    budget: 100,
  },
  {
    name: "left-behind-not-kept",
    breaks: "P9",
    what: "what a forced epoch went on without is not kept before its directory is replaced",
    wiring: broken({
      action: (action) => (action.kind === "clone" ? { ...action, keeps: false } : action),
    }),
    budget: 20,
    members: 3,
    durability: "quorum",
    script: forcedWithoutTheNewest,
    shownBy: "I13",
  },
  {
    name: "copies-from-anyone",
    breaks: "P9",
    what: "a new copy is made of a member that does not serve",
    wiring: broken({
      action: (action, view) => {
        if (action.kind !== "clone") return action;
        const { holder } = view.cluster.reign.value;
        const source = Object.keys(view.cluster.members).find((member) => member !== holder && member !== view.self);
        return source === undefined ? action : { ...action, source };
      },
    }),
    budget: 300,
  },
  {
    name: "stays-on-the-new-version",
    breaks: "P8",
    what: "a member that does not start on a newer version of Postgres is not put back on the one before",
    wiring: broken({
      decision: (_view, decision) =>
        decision.because.code !== "put-back"
          ? decision
          : mapRecords(decision, (action) => [
              { ...action, txn: { ...action.txn, write: action.txn.write.filter(({ key }) => key === "intent") } },
            ]),
    }),
    faults: ["restart"],
    budget: 100,
  },
  {
    name: "slots-on-the-primary-only",
    breaks: "P10",
    what: "standbys keep no slots, so that a failover finds none",
    wiring: broken({
      view: (view) =>
        holdsEpoch(view)
          ? view
          : withServer(view, (server) => ({
              ...server,
              slots: Object.keys(view.cluster.members).filter((member) => member !== view.self),
            })),
    }),
    budget: 600,
  },
  {
    name: "pause-ignored",
    breaks: "P11",
    what: "automation goes on in a pause",
    wiring: broken({
      view: (view) => withCluster(view, { pause: undefined }),
      switches: new Set<Switch>(["pause-not-required"]),
    }),
    budget: 100,
  },
  {
    name: "sleeps-beside-clients",
    breaks: "P12",
    what: "an endpoint agrees to a doze while it has a client",
    wiring: flipped("sleeps-beside-clients"),
    budget: 100,
    sleepy: true,
    shownBy: "I11",
  },
  {
    name: "hosts-not-asked",
    breaks: "P12",
    what: "the cluster falls asleep with the agreement of the primary's host alone",
    wiring: flipped("hosts-not-asked"),
    budget: 40,
    members: 3,
    durability: "quorum",
    sleepy: true,
    script: hostHearsOfNoDoze,
    shownBy: "I11",
  },
  {
    name: "nobody-wakes-it",
    breaks: "P12",
    what: "a client that waits for a sleeping cluster is not told to anybody",
    wiring: flipped("nobody-wakes-it"),
    budget: 100,
    sleepy: true,
    shownBy: "I6",
  },
];
