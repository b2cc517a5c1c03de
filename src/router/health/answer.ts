/**
 * One request at a status port, answered. Called by ports.ts. Reads only: whoever wants something changed is told where
 * that is done. The agent need not be there: then the server itself is asked whether it still makes sessions.
 */
import type { HealthFacts, HealthPort, MemberFacts } from "../wire.ts";
import { AgentQuestions } from "./ask-agent.ts";
import { answersSessions } from "./server-answers.ts";
import { BadQuery, checks, isBare, type Judged, type Query } from "./verdict.ts";

export interface Reply {
  readonly status: number;
  /** left out: the status code alone */
  readonly body?: string;
  readonly type?: string;
  readonly allow?: string;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly port: HealthPort;
}

/** What is known when a request comes. */
export interface Known {
  readonly facts: ReadonlyMap<string, HealthFacts>;
  readonly agentSocket: string;
  /** milliseconds since the agent was heard */
  readonly agentSilentMs: number;
  /** the member that the cluster's primary endpoint lets clients through to */
  readonly leadsTo: (cluster: string) => string | undefined;
}

/** The agent is heard every second. */
const silentMs = 2500;
/** How far behind a standby is, and whether it is attended, was last said so long ago. */
const staleMs = 10_000;
/** Whoever keeps the agent running has had time enough to start it again. */
const hostDeadMs = 60_000;
const serverMs = 500;
const urlMax = 2000;
const readMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const flyChecks: ReadonlySet<string> = new Set(["vm", "pg", "role"]);
const bodies = { cluster: "cluster", history: "history", config: "config" } as const;

/**
 * Of the host itself, whatever it holds: a container lives, and is ready, before there is a cluster. One whose agent is
 * away for a moment must not be killed for it, for its servers serve.
 */
const hostChecks: Readonly<Record<string, (agentSilentMs: number) => boolean>> = {
  liveness: (agentSilentMs) => agentSilentMs < hostDeadMs,
  readiness: (agentSilentMs) => agentSilentMs < staleMs,
};

function hostReply(method: string, name: string, { agentSilentMs, facts }: Known): Reply {
  if (!readMethods.has(method)) return { ...refusal(405, "this is only read"), allow: "GET, HEAD, OPTIONS" };
  const isGood = hostChecks[name]?.(agentSilentMs) === true;
  const members = [...facts.values()].flatMap((known) => known.members.map(({ member }) => member));
  const body = JSON.stringify({ [name]: isGood, agent_silent_ms: Math.round(agentSilentMs), members });
  return { status: isGood ? 200 : 503, body, type: "application/json" };
}

interface Place {
  readonly facts: HealthFacts;
  readonly member: MemberFacts;
}

export class Answerer {
  readonly #questions = new AgentQuestions();

  async answer({ method, url, port }: Asked, known: Known): Promise<Reply> {
    if (url.length > urlMax) return refusal(414, "the path is too long");
    const parsed = URL.parse(url, "http://status");
    if (!parsed) return refusal(400, "this is no path");
    const path = parsed.pathname.split("/").slice(1);
    const place = placeOf(port, path, known.facts);
    if (port.of === undefined && path[0] === "metrics" && path.length === 1) return this.#metrics(method, known, "");
    if (!place && port.of === undefined && path.length === 1 && Object.hasOwn(hostChecks, path[0] ?? ""))
      return hostReply(method, path[0] ?? "", known);
    if (!place) return port.of === undefined ? noSuchPlace(known.facts) : refusal(503, "nothing is known of it yet");
    if (!readMethods.has(method)) return refuseChange(method, place.facts.cluster);
    const query: Query = new Map(parsed.searchParams);
    return this.#read(port.of === undefined ? path.slice(1) : path, { method, query, place, known });
  }

  async #read(path: readonly string[], asked: Read): Promise<Reply> {
    const [first = "", second] = path;
    const { place, method } = asked;
    if (first === "flycheck" && second !== undefined && flyChecks.has(second) && path.length === 2)
      return this.#flyCheck(second, asked);
    if (path.length > 1 && !(path.length === 2 && second === "")) return unknownPath(path.join("/"));
    if (first === "metrics")
      return this.#metrics(method, asked.known, `?member=${encodeURIComponent(place.member.member)}`);
    if (first === "patroni") return { status: 200, body: place.member.body, type: "application/json" };
    if (first === "failsafe")
      return refusal(502, "there is no failsafe mode: a healthy primary does not need the store");
    const body = Object.entries(bodies).find(([name]) => name === first)?.[1];
    if (body) return { status: 200, body: place.facts.bodies[body], type: "application/json" };
    return this.#check(first, asked);
  }

  async #check(name: string, { place, query, known }: Read): Promise<Reply> {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) return unknownPath(name);
    try {
      const isGood = check(await judge(place, known), query);
      const status = isGood ? 200 : 503;
      return isBare.has(name) ? { status } : { status, body: place.member.body, type: "application/json" };
    } catch (error) {
      if (error instanceof BadQuery) return refusal(400, error.message);
      throw error;
    }
  }

  async #metrics(method: string, known: Known, query: string): Promise<Reply> {
    if (!readMethods.has(method)) return { ...refusal(405, "figures are only read"), allow: "GET, HEAD, OPTIONS" };
    return this.#ask(known, `/v1/metrics${query}`).catch(() => noAgent(503));
  }

  #flyCheck(group: string, { place, known }: Read): Promise<Reply> {
    const path = `/v1/checks/${group}?member=${encodeURIComponent(place.member.member)}`;
    return this.#ask(known, path).catch(() => noAgent(500));
  }

  #ask({ agentSocket, agentSilentMs }: Known, path: string): Promise<Reply> {
    return this.#questions.ask({ socketPath: agentSocket, path, isSilent: agentSilentMs > silentMs });
  }
}

interface Read {
  readonly method: string;
  readonly query: Query;
  readonly place: Place;
  readonly known: Known;
}

/** On the host's port a path begins with the name of a member, or of a cluster that has one member here. */
function placeOf(
  port: HealthPort,
  path: readonly string[],
  facts: ReadonlyMap<string, HealthFacts>,
): Place | undefined {
  const wanted = port.of?.member ?? path[0];
  for (const known of facts.values()) {
    const named = known.members.find(({ member }) => member === wanted);
    const only = known.cluster === wanted && known.members.length === 1 ? known.members[0] : undefined;
    const member = named ?? only;
    if (member) return { facts: known, member };
  }
  return undefined;
}

async function judge({ facts, member }: Place, { agentSilentMs, leadsTo }: Known): Promise<Judged> {
  const isSilent = agentSilentMs > silentMs;
  const isGone = isSilent && member.state === "running" && !(await answersSessions(member.serverPort, serverMs));
  return {
    facts: isGone ? { ...member, state: "unknown" } : member,
    isLedTo: leadsTo(facts.cluster) === member.member,
    isStale: agentSilentMs > staleMs,
    isUnattended: { primary: agentSilentMs > staleMs, standby: agentSilentMs > 2 * staleMs },
    isPaused: facts.isPaused,
  };
}

function refusal(status: number, message: string, hint?: string): Reply {
  return {
    status,
    body: JSON.stringify({ error: message, ...(hint === undefined ? {} : { hint }) }),
    type: "application/json",
  };
}

function noAgent(status: number): Reply {
  return { status, body: "the agent of this host does not answer; see: matriarch agent status\n", type: "text/plain" };
}

function refuseChange(method: string, cluster: string): Reply {
  const hint = `Give the command to Matriarch: matriarch switchover|failover|restart|member reclone|config set ${cluster}; or its API, see docs/monitoring.md.`;
  return {
    ...refusal(405, `${method} changes nothing here: the status endpoint is only read`, hint),
    allow: "GET, HEAD, OPTIONS",
  };
}

function unknownPath(path: string): Reply {
  const known = Object.keys(checks).map((name) => `/${name}`);
  const all = [
    ...known,
    "/patroni",
    "/cluster",
    "/history",
    "/config",
    "/metrics",
    "/flycheck/vm",
    "/flycheck/pg",
    "/flycheck/role",
  ];
  return refusal(404, `there is no /${path.slice(0, 100)}`, `There is ${all.join(", ")}.`);
}

function noSuchPlace(facts: ReadonlyMap<string, HealthFacts>): Reply {
  const names = [...facts.values()].flatMap(({ members }) => members.map(({ member }) => member));
  return refusal(
    404,
    "a path of this port begins with a member of this host",
    `It has ${names.join(", ") || "none"}; and /liveness, /readiness and /metrics.`,
  );
}
