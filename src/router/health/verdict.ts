/**
 * Which status code a path of the status endpoint has: Patroni's rules (its REST API manual, versions 3 and 4), on what
 * the agent said last and what the endpoints do now. Called by answer.ts. Pure.
 */
import type { MemberFacts } from "../wire.ts";

/** A member as it is judged. */
export interface Judged {
  readonly facts: MemberFacts;
  /** the cluster's primary endpoint on this host lets clients through to it */
  readonly isLedTo: boolean;
  /** the agent is away for longer than `lag` may be trusted */
  readonly isStale: boolean;
  /** the agent is away for longer than a member may be unattended; a standby may be so twice as long */
  readonly isUnattended: { readonly primary: boolean; readonly standby: boolean };
  readonly isPaused: boolean;
}

/** What was asked besides the path. */
export type Query = ReadonlyMap<string, string>;

export class BadQuery extends Error {}

type Check = (judged: Judged, query: Query) => boolean;

/** Takes writes, and may acknowledge them. */
const primary: Check = ({ facts, isLedTo }) =>
  facts.isHolder && facts.role === "primary" && facts.state === "running" && isLedTo && !facts.isWaiting;

/** Whether clients are let through or wait. */
const leader: Check = ({ facts }) => facts.isHolder && facts.role === "primary" && facts.state === "running";

const isReplica = ({ facts }: Judged): boolean =>
  facts.role === "replica" && facts.state === "running" && !facts.isAstray && facts.tags["noloadbalance"] !== "true";

const replica: Check = (judged, query) => {
  if (!isReplica(judged) || judged.isStale || !hasTags(judged, query)) return false;
  const wanted = query.get("replication_state");
  if (wanted !== undefined && (wanted !== "streaming" || !judged.facts.isStreaming)) return false;
  return isWithin(judged.facts.lagBytes.apply, lagOf(query));
};

const isOf =
  (...kinds: readonly MemberFacts["kind"][]): Check =>
  (judged, query) =>
    kinds.includes(judged.facts.kind) && replica(judged, query);

const orPrimary =
  (check: Check): Check =>
  (judged, query) =>
    (primary(judged, query) && hasTags(judged, query)) || check(judged, query);

const health: Check = ({ facts }) => facts.state === "running";

const liveness: Check = ({ facts, isUnattended, isPaused }) =>
  isPaused || (facts.isLookedAt && !(facts.role === "primary" ? isUnattended.primary : isUnattended.standby));

const readiness: Check = (judged, query) => {
  const mode = query.get("mode") ?? "apply";
  if (mode !== "apply" && mode !== "write") throw new BadQuery(`"mode" is apply or write, not "${mode}"`);
  const most = lagOf(query) ?? judged.facts.readyLagBytes;
  if (judged.facts.role === "primary") return primary(judged, query);
  const { facts, isStale } = judged;
  return (
    health(judged, query) && facts.isStreaming && !facts.isAstray && !isStale && isWithin(facts.lagBytes[mode], most)
  );
};

/** There is no standby cluster here, so its leader is nowhere. */
const nowhere: Check = () => false;

export const checks: Readonly<Record<string, Check>> = {
  "": primary,
  "primary": primary,
  "master": primary,
  "read-write": primary,
  "leader": leader,
  "standby-leader": nowhere,
  "standby_leader": nowhere,
  "replica": replica,
  "read-only": orPrimary(replica),
  "sync": isOf("sync"),
  "synchronous": isOf("sync"),
  "read-only-sync": orPrimary(isOf("sync")),
  "read-only-synchronous": orPrimary(isOf("sync")),
  "quorum": isOf("quorum"),
  "read-only-quorum": orPrimary(isOf("quorum")),
  "async": isOf("async"),
  "asynchronous": isOf("async"),
  "health": health,
  "liveness": liveness,
  "readiness": readiness,
};

/** Those whose answer is the status code alone, as Patroni's. */
export const isBare: ReadonlySet<string> = new Set(["liveness", "readiness"]);

function isWithin(lagBytes: number | null, most: number | undefined): boolean {
  return most === undefined || (lagBytes !== null && lagBytes <= most);
}

function hasTags({ facts }: Judged, query: Query): boolean {
  return [...query].every(([name, value]) => !name.startsWith("tag_") || facts.tags[name.slice(4)] === value);
}

const lagForm = /^(\d{1,15}(?:\.\d{1,6})?) ?(B|kB|MB|GB|TB)?$/;
const factors: Readonly<Record<string, number>> = { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** @throws BadQuery: Patroni would pass over it, and let through whoever is behind */
function lagOf(query: Query): number | undefined {
  const text = query.get("lag");
  if (text === undefined) return undefined;
  const [, digits, unit = "B"] = lagForm.exec(text) ?? [];
  if (digits === undefined) throw new BadQuery(`"lag" is a size like 1048576, 16MB or 1GB, not "${text.slice(0, 40)}"`);
  return Number(digits) * (factors[unit] ?? 1);
}
