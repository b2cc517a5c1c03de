/**
 * Keeps the router told of how the members of this host are, so that it can answer for them, also while there is no
 * agent. Begun by the agent's entry. It decides nothing; what cannot be told is told the next time.
 */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import { version } from "../../config/version.ts";
import { defaultTimings } from "../../domain/cluster.ts";
import { statusPortOf } from "../../domain/status-port.ts";
import type { HealthConfig, HealthFacts, HealthPort } from "../../router/wire.ts";
import { isHere, type Parts } from "../parts.ts";
import { healthFacts } from "./facts.ts";
import { Turns } from "./turns.ts";
import { waitsForVoters, type HealthContext } from "./words.ts";

/** Of the router's driver. */
export interface HealthTeller {
  configureHealth(config: HealthConfig): Promise<void>;
  tellHealth(facts: HealthFacts): Promise<void>;
}

export interface HealthPlace extends Omit<HealthConfig, "ports"> {
  /** of the host itself; 0: none */
  readonly hostPort: number;
  /** why a port is not listened on; the same is told once */
  readonly trouble: (error: unknown) => void;
}

const everyMs = 1000;
/** A loop that has not looked for so long is stuck; the guard gives up a member for it as well. */
const lookedAtMs = 10_000;

/** A router that was there before this agent may still listen. */
export async function silenceHealth(router: HealthTeller, { listenHosts, agentSocket }: HealthPlace): Promise<void> {
  await router.configureHealth({ listenHosts, agentSocket, ports: [] });
}

export function tellHealth(parts: Parts, router: HealthTeller, place: HealthPlace): void {
  const told = new Map<string, string>();
  let ports = "";
  let storeSeenAt = parts.clock.wallNow();
  const waiting = new Waiting(parts);
  const turns = new Turns(parts);
  const tell = async (facts: HealthFacts): Promise<void> => {
    const text = JSON.stringify(facts);
    if (told.get(facts.cluster) === text) return;
    told.set(facts.cluster, text);
    // Not taken: the router is starting, and is told all that the driver knows once it is there.
    await router.tellHealth(facts).catch(() => told.delete(facts.cluster));
  };
  const look = (cluster: ClusterRuntime): void => {
    const here = membersHere(parts, cluster);
    const isWaiting = (member: MemberRuntime): boolean => waiting.isSo(cluster, member);
    const turnOf = turns.of(cluster);
    const context = { ...contextOf(parts, cluster, Math.floor(storeSeenAt / 10_000) * 10), isWaiting, turnOf };
    void tell(healthFacts(cluster, here, context)).catch((error: unknown) =>
      parts.log.warn("health not told", { error }),
    );
  };
  const configure = async (): Promise<void> => {
    const config = { ...place, ports: [...hostPort(place), ...memberPortsHere(parts)] };
    const text = JSON.stringify(config.ports);
    if (text === ports) return;
    ports = text;
    const { listenHosts, agentSocket, tls } = place;
    await router
      .configureHealth({ listenHosts, agentSocket, ports: config.ports, ...(tls ? { tls } : {}) })
      .catch((error: unknown) => {
        // Those that are taken are tried again by the router itself.
        place.trouble(error);
      });
  };
  const tick = (): void => {
    if (parts.storeHealth.storeReachable) storeSeenAt = parts.clock.wallNow();
    const clusters = parts.runtime.clusters;
    for (const cluster of clusters.values()) look(cluster);
    for (const name of told.keys()) if (!clusters.has(name)) void tell(gone(name)).finally(() => told.delete(name));
    void configure();
  };
  const timer = setInterval(tick, everyMs);
  parts.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  parts.runtime.onChange((name) => {
    const cluster = parts.runtime.clusters.get(name);
    if (!cluster) return;
    look(cluster);
    void configure();
  }, parts.signal);
  tick();
}

/**
 * Since when commits wait for voters. A voter that starts anew keeps them waiting for a moment, and a load balancer must
 * not cut everybody's sessions for it; one that is away for `voterLostMs` is lost, and what still waits then stays so.
 */
class Waiting {
  readonly #parts: Pick<Parts, "clock">;
  readonly #since = new Map<string, number>();

  constructor(parts: Pick<Parts, "clock">) {
    this.#parts = parts;
  }

  isSo({ record }: ClusterRuntime, { id, server }: MemberRuntime): boolean {
    if (!waitsForVoters(record, server)) {
      this.#since.delete(id);
      return false;
    }
    const now = this.#parts.clock.now();
    const since = this.#since.get(id) ?? now;
    this.#since.set(id, since);
    return now - since >= defaultTimings.voterLostMs;
  }
}

function gone(cluster: string): HealthFacts {
  return { cluster, members: [], bodies: { cluster: "{}", history: "[]", config: "{}" }, isPaused: false };
}

function hostPort({ hostPort: port }: HealthPlace): readonly HealthPort[] {
  return port === 0 ? [] : [{ port }];
}

/** From the records: a member has its port before its loop has begun. */
function memberPortsHere(parts: Parts): readonly HealthPort[] {
  return [...parts.runtime.clusters.values()].flatMap(({ name, record }) =>
    Object.values(record.members).flatMap(({ value: { id, port: own, host } }) => {
      const port = isHere(parts, { host }) ? statusPortOf(own) : undefined;
      return port === undefined ? [] : [{ port, of: { cluster: name, member: id } }];
    }),
  );
}

export function membersHere(
  parts: Parts,
  { members, record }: Pick<ClusterRuntime, "members" | "record">,
): readonly MemberRuntime[] {
  return [...members.values()].filter(({ id }) => {
    const own = record.members[id]?.value;
    return own !== undefined && isHere(parts, own);
  });
}

function contextOf(
  parts: Parts,
  { record }: ClusterRuntime,
  storeSeenAt: number,
): Omit<HealthContext, "isWaiting" | "turnOf"> {
  const hosts = new Map(parts.hosts.all().map((host) => [host.name, host]));
  const hostOf = (member: string) => hosts.get(record.members[member]?.value.host ?? "");
  const addressOf = (member: string) => hostOf(member)?.address ?? "127.0.0.1";
  return {
    version,
    storeSeenAt,
    wallNow: parts.clock.wallNow(),
    urlOf: (member) => {
      const own = record.members[member]?.value;
      return own && parts.statusUrl(own);
    },
    // Servers listen on their own machine only: from elsewhere a member's host is reached at its endpoint.
    addressOf: (member) => ({
      host: addressOf(member),
      port: hostOf(member) ? record.spec.value.ports.primary : (record.members[member]?.value.port ?? 0),
    }),
    labelsOf: (host) => hosts.get(host)?.labels ?? {},
    isLookedAt: ({ observedAt }) => observedAt !== undefined && parts.clock.now() - observedAt < lookedAtMs,
  };
}
