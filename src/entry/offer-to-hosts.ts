/** What the agent of an installation over several hosts offers besides: to the other agents, and about hosts. */
import type { ApiOptions } from "../api/server.ts";
import type { PeerApi } from "../contract/peer.ts";
import { queueForPlace } from "../core/places.ts";
import { OpError } from "../errors/op-error.ts";
import type { EventFile } from "../events/event-file.ts";
import { resumeDrains } from "../installation/hosts/drain.ts";
import { installPackage } from "../drivers/postgres/extensions/packages.ts";
import { contentsHere } from "../installation/extensions/hosts.ts";
import { exchangeBook } from "../installation/backups/share.ts";
import { tokenOf } from "../installation/drains/kept.ts";
import { createHosts } from "../installation/hosts/hosts.ts";
import { certificateKeeper } from "../installation/hosts/keep-certificate.ts";
import type { HostParts } from "../installation/hosts/parts.ts";
import { takePlace } from "../installation/hosts/place.ts";
import { OwnRecord } from "../installation/hosts/tell-self.ts";
import type { Parts } from "../installation/parts.ts";
import { tryHere } from "../installation/settings/try.ts";
import { answerClaim } from "../installation/placement/claims.ts";
import { eraseHere } from "../installation/placement/erase.ts";
import { SharedRequests } from "../installation/shared-requests.ts";
import { silentMs } from "../installation/placement/hosts.ts";
import { prepareHere } from "../installation/upgrade/binaries.ts";
import { startAbandoned } from "../installation/storage/restore/abandoned.ts";
import { offerLog } from "../installation/storage/archive/collect.ts";
import { keepLeftOrphans } from "../installation/storage/left-behind.ts";
import { expectReplacing, settleReplaced } from "../installation/storage/restore/replaced.ts";
import { hostMoves } from "../installation/placement/moves.ts";
import { putOrphansAside } from "../installation/placement/orphans.ts";
import { keepReplacing } from "../installation/placement/replace.ts";
import type { SeveralSetup } from "./setup.ts";

const hourMs = 3_600_000;
const replaceLookMs = 5000;
const selfLookMs = 10_000;
const placeLookMs = 5000;
const orphanLookMs = 60_000;

export interface Offer {
  readonly options: ApiOptions;
  readonly requests: SharedRequests;
  readonly hostParts: HostParts;
  readonly several: SeveralSetup;
}

export function offerToHosts(parts: Parts, several: SeveralSetup, { journal }: EventFile): Offer {
  const { peers, gate, tokens, certificates, config, neighbours } = several;
  const hostParts: HostParts = {
    home: parts.home,
    config,
    store: several.quickStore,
    book: { all: () => parts.hosts.all(), isFresh: () => parts.storeHealth.storeReachable },
    neighbours,
    events: parts.events,
    operations: parts.operations,
    log: parts.log,
    wallNow: () => parts.clock.wallNow(),
    silentMs: (host) => silentMs(parts, host),
    signal: parts.signal,
    moves: hostMoves(parts),
    removeStoreMember: (host) => several.removeStoreMember(host),
    rebuildStore: () => several.rebuildStore(),
  };
  const peer: PeerApi = {
    backupBook: (request) => exchangeBook(parts, request),
    drainToken: (request) => tokenOf(parts.home, request),
    looks: (host, message) => peers.hear(host, message),
    claimPorts: (request) => answerClaim(parts, request),
    trySettings: (request) => tryHere(parts, request),
    prepareEngine: (request) => prepareHere(parts, request),
    erase: (cluster) => eraseHere(parts, cluster),
    contents: (request) => contentsHere(parts, request),
    installPackage: async ({ extension, major }) => void (await installPackage(extension, major)),
    archivedFile: (request) => offerLog(parts, request),
    replacing: (request) => expectReplacing(parts, request),
    replaced: (cluster) => settleReplaced({ ...parts, store: several.trueStore }, cluster),
    journal: async ({ origin, after, limit }) => ({ ...journal.read(origin ?? journal.host, after, limit) }),
  };
  const requests = new SharedRequests({
    store: several.quickStore,
    host: config.name,
    wallNow: hostParts.wallNow,
    log: parts.log,
  });
  const options = { gate, peer, tokens, certificates, requests, hosts: createHosts(hostParts) };
  return { options, requests, hostParts, several };
}

/** What was begun goes on; and what is done now and then, whatever comes: certificates, members of lost hosts. */
export function careForHosts(parts: Parts, offer: Offer): void {
  const { hostParts, several } = offer;
  const { log, signal, runtime } = parts;
  resumeDrains(hostParts);
  const replacing = new Set<string>();
  // What keeps a member from being replaced is tried again every few seconds, and told once.
  const troubles = new Map<string, string>();
  const notReplaced =
    (cluster: string) =>
    (error: unknown): void => {
      const reason = error instanceof Error ? error.message : String(error);
      if (troubles.get(cluster) !== reason) {
        log.error("a lost member is not replaced", { cluster, error });
        if (error instanceof OpError && error.code === "extension-missing")
          parts.events.emit("member.not-placed", { cluster }, { reason });
      }
      troubles.set(cluster, reason);
    };
  const told = (what: string) => (error: unknown) => log.error(`${what} failed`, { error });
  const own = new OwnRecord(hostParts);
  every(selfLookMs, signal, () => void own.keep().catch(told("telling what this host can run")));
  const keepCertificate = certificateKeeper(hostParts);
  every(hourMs, signal, () => {
    void keepCertificate();
    void offer.requests.sweep().catch((error: unknown) => log.warn("old request keys not removed", { error }));
  });
  // Also one that was forgotten while this host was away for a moment: its server must not go on for long.
  every(orphanLookMs, signal, () => {
    const store = several.trueStore;
    // Failed, it is put aside like the rest.
    const own = { ...parts, store };
    const keepFirst = async (cluster: string): Promise<void> => {
      await settleReplaced(own, cluster).catch(told("keeping what was put back as a snapshot"));
      await keepLeftOrphans(own, cluster).catch(told("keeping what a forced failover went on without"));
    };
    void putOrphansAside({ ...parts, store, keepFirst }).catch(told("the look for members that are left over"));
  });
  every(placeLookMs, signal, keepPlace(parts, offer));
  every(replaceLookMs, signal, () => {
    for (const cluster of runtime.clusters.values())
      void startAbandoned(parts, cluster).catch(told("the look for a restore in place that was abandoned"));
  });
  every(replaceLookMs, signal, () => {
    for (const cluster of runtime.clusters.values()) {
      if (replacing.has(cluster.name)) continue;
      replacing.add(cluster.name);
      void keepReplacing(parts, cluster)
        .then(() => troubles.delete(cluster.name), notReplaced(cluster.name))
        .finally(() => replacing.delete(cluster.name));
    }
  });
}

/** A place among the first hosts that another has left is taken, if this host is the one for it. */
function keepPlace(parts: Parts, { hostParts, several }: Offer): () => void {
  const { clock, hosts, events, hostName, log } = parts;
  let [isTrying, told] = [false, ""];
  let freeSince: number | undefined;
  const failed = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("place among the first hosts not taken", { error });
    if (reason !== told) events.emit("host.place-free", {}, { host: hostName, reason });
    told = reason;
  };
  return () => {
    const all = hosts.all();
    const isFree = queueForPlace(all, several.config.store.kind === "own").length > 0;
    freeSince = isFree ? (freeSince ?? clock.now()) : undefined;
    if (isTrying) return;
    isTrying = true;
    const wish = { hosts: all, freeForMs: clock.now() - (freeSince ?? clock.now()), member: several.storeMember };
    void takePlace(hostParts, wish)
      .then(() => (told = ""), failed)
      .finally(() => (isTrying = false));
  };
}

function every(ms: number, signal: AbortSignal, work: () => void): void {
  work();
  const timer = setInterval(work, ms);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
