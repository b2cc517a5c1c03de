/** What the agent of an installation over several hosts offers besides: to the other agents, and about hosts. */
import type { ApiOptions } from "../api/server.ts";
import type { PeerApi } from "../contract/peer.ts";
import type { Store } from "../drivers/store/port.ts";
import type { EventFile } from "../events/event-file.ts";
import { resumeDrains } from "../installation/hosts/drain.ts";
import { createHosts } from "../installation/hosts/hosts.ts";
import type { HostParts } from "../installation/hosts/parts.ts";
import { renewHostCertificate } from "../installation/hosts/renew.ts";
import { OwnRecord } from "../installation/hosts/tell-self.ts";
import type { Parts } from "../installation/parts.ts";
import { answerClaim } from "../installation/placement/claims.ts";
import { eraseHere } from "../installation/placement/erase.ts";
import { hostMoves } from "../installation/placement/moves.ts";
import { putOrphansAside } from "../installation/placement/orphans.ts";
import { keepReplacing } from "../installation/placement/replace.ts";
import type { SeveralSetup } from "./setup.ts";

const hourMs = 3_600_000;
const replaceLookMs = 5000;
const selfLookMs = 10_000;

export interface Offer {
  readonly options: ApiOptions;
  readonly hostParts: HostParts;
  readonly trueStore: Store;
}

export function offerToHosts(parts: Parts, several: SeveralSetup, { journal }: EventFile): Offer {
  const { peers, gate, tokens, config, neighbours } = several;
  const hostParts: HostParts = {
    home: parts.home,
    config,
    store: parts.store,
    neighbours,
    events: parts.events,
    operations: parts.operations,
    log: parts.log,
    wallNow: () => parts.clock.wallNow(),
    signal: parts.signal,
    moves: hostMoves(parts),
    removeStoreMember: (host) => several.removeStoreMember(host),
    rebuildStore: () => several.rebuildStore(),
  };
  const peer: PeerApi = {
    looks: (host, message) => peers.hear(host, message),
    claimPorts: (request) => answerClaim(parts, request),
    erase: (cluster) => eraseHere(parts, cluster),
    journal: async ({ origin, after, limit }) => ({ ...journal.read(origin ?? journal.host, after, limit) }),
  };
  return { options: { gate, peer, tokens, hosts: createHosts(hostParts) }, hostParts, trueStore: several.trueStore };
}

/** What was begun goes on; and what is done now and then, whatever comes: certificates, members of lost hosts. */
export function careForHosts(parts: Parts, { hostParts, trueStore }: Offer, replaceAfterMs: number): void {
  const { log, signal, runtime } = parts;
  resumeDrains(hostParts);
  const replacing = new Set<string>();
  const told = (what: string) => (error: unknown) => log.error(`${what} failed`, { error });
  const own = new OwnRecord(hostParts);
  every(selfLookMs, signal, () => void own.keep().catch(told("telling what this host can run")));
  every(hourMs, signal, () => {
    void renewHostCertificate(hostParts).catch(told("renewal of the certificate"));
    void putOrphansAside({ ...parts, store: trueStore }).catch(told("the look for members that are left over"));
  });
  every(replaceLookMs, signal, () => {
    for (const cluster of runtime.clusters.values()) {
      if (replacing.has(cluster.name)) continue;
      replacing.add(cluster.name);
      void keepReplacing(parts, cluster, replaceAfterMs)
        .catch(told("replacing"))
        .finally(() => replacing.delete(cluster.name));
    }
  });
}

function every(ms: number, signal: AbortSignal, work: () => void): void {
  work();
  const timer = setInterval(work, ms);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
