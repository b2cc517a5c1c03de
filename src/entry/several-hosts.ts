/**
 * An installation over several hosts: etcd for the store, the guard for promises, the relay between servers, the other
 * agents for what they see of their members. Made by agent.ts on a home with a host.json.
 */
import { HostBook } from "../agent/host-book.ts";
import { GuardedVoters } from "../agent/guarded/guarded-voters.ts";
import { HostGuard } from "../agent/guarded/host-guard.ts";
import { JournalSync } from "../agent/journal-sync.ts";
import { joinedNeighbourhood } from "../agent/peers/joined.ts";
import { Peers } from "../agent/peers/peers.ts";
import { StoreHealth } from "../agent/store-health.ts";
import type { HostConfig } from "../config/host-config.ts";
import { version } from "../config/version.ts";
import type { MemberRecord } from "../domain/cluster.ts";
import { hostPorts, type HostRecord } from "../domain/host.ts";
import { hostCertificateFiles } from "../drivers/certificates/host.ts";
import { createGuardDriver, guardProgram } from "../drivers/guard/process.ts";
import { createNeighbours } from "../drivers/neighbours/https.ts";
import { createRelayDriver } from "../drivers/relay/process.ts";
import { refuseWhileAway } from "../drivers/store/known-away.ts";
import { rememberStore } from "../drivers/store/remembered.ts";
import { OpError } from "../errors/op-error.ts";
import { isKnownHost } from "../installation/hosts/hosts.ts";
import { readyCertificate } from "../installation/hosts/renew.ts";
import type { Hosts } from "../installation/parts.ts";
import { AccessCertificates } from "../installation/certificates.ts";
import { AccessTokens } from "../installation/tokens.ts";
import { connectMembers } from "./connect-members.ts";
import { tellRestarts } from "./kept-processes.ts";
import { watchHosts } from "./lost-hosts.ts";
import { openStore } from "./open-store.ts";
import { programOf, scriptOf } from "./programs.ts";
import type { Setup, SetupParts } from "./setup.ts";

/** A host that says nothing for so long serves no reads, and its members are shown as unreachable. */
const silentMs = 1500;

export async function setUpSeveralHosts(config: HostConfig, parts: SetupParts): Promise<Setup> {
  const { paths, timings, servers, eventFile, clock, log } = parts;
  const { events, journal } = eventFile;
  const ended = new AbortController();
  const tls = hostCertificateFiles(paths.home);
  await readyCertificate(paths.home, config, clock.wallNow());
  const own = await openStore(config, parts, ended.signal);
  const store = rememberStore(own.store, paths.remembered);
  const book = new HostBook(store);
  await book.follow(ended.signal).catch((error: unknown) => {
    log.warn("the store does not answer; going on with what was read last", { error });
  });
  // As it is: what is remembered of it would answer for a store that this agent has never reached.
  const health = new StoreHealth(own.store, ({ reachable, awayMs, error }) => {
    if (reachable) events.emit("store.back", {}, { away_ms: Math.round(awayMs ?? 0) });
    else events.emit("store.unavailable", {}, { reason: error instanceof Error ? error.message : String(error) });
  });
  const neighbours = createNeighbours(tls);
  const sync = new JournalSync({ journal, neighbours, clock, log });
  const peers = new Peers({
    self: config.name,
    version,
    clock,
    log,
    neighbours,
    heads: () => sync.heads(),
    heardHeads: (host, heads) => sync.heard(host, heads),
  });
  const address = { address: config.address, tls };
  const ports = hostPorts(config.base_port);
  const guardDriver = createGuardDriver(guardProgram({ home: paths.home, tls, script: scriptOf("guard"), version }));
  const relay = createRelayDriver(programOf("relay", paths.home), () => ({
    ...address,
    port: ports.relay,
    ...(servers.owner ? { owner: { uid: servers.owner.uid, gid: servers.owner.gid } } : {}),
    ...(book.all().length === 0 ? {} : { hosts: book.all() }),
  }));
  tellRestarts(events, "guard", guardDriver);
  tellRestarts(events, "relay", relay);
  const guard = new HostGuard({
    driver: guardDriver,
    clock,
    log,
    fenced: ({ cluster, member, epoch }, because) =>
      events.emit("guard.fenced", { cluster, member, epoch }, { because }),
  });
  await Promise.all([guardDriver.ensure(), relay.ensure()]);
  const tellHosts = (hosts: readonly HostRecord[]): void => {
    peers.setHosts(hosts);
    guardDriver.hosts(hosts, timings).catch((error: unknown) => log.warn("guard does not know the hosts", { error }));
    own.hostsChanged(hosts);
  };
  book.onChange(tellHosts);
  tellHosts(book.all());
  const quickStore = refuseWhileAway(store, health);
  const access = {
    store: quickStore,
    wallNow: () => clock.wallNow(),
    trouble: (error: unknown) => log.warn("who may come in cannot be read; what was read last counts", { error }),
  };
  const tokens = new AccessTokens(access);
  const signers = { home: paths.home, self: config.name, hosts: () => book.all(), neighbours };
  const certificates = new AccessCertificates({ ...access, ...signers });
  const hosts: Hosts = {
    get self() {
      return book.get(config.name) ?? selfFrom(config);
    },
    all: () => book.all(),
    isHeard: (name) => name === config.name || clock.now() - (peers.heardAt(name) ?? -Infinity) <= silentMs,
    heardAt: (name) => (name === config.name ? clock.now() : peers.heardAt(name)),
    call: (name, call) => {
      const host = book.get(name);
      if (host) return neighbours.call(host, call);
      throw new OpError("host-not-found", { message: `there is no host "${name}"` });
    },
  };
  const lost = watchHosts({ self: config.name, hosts, clock, events, cut: (host) => relay.cut(host) });
  const neighbourhood = joinedNeighbourhood({
    self: config.name,
    peers,
    clock,
    silentMs,
    hosts: () => book.all(),
    store: health,
  });
  const isLocal = (member: MemberRecord): boolean => neighbourhood.isLocal(member);
  const connect = connectMembers({ relay, servers, log, isLocal, hostOf: (name) => book.get(name) });
  // Addresses and keys of hosts are part of what the relay is told.
  book.onChange(() => connect());
  return {
    store,
    neighbourhood,
    hosts,
    hostName: config.name,
    certificate: tls,
    endpoints: {
      tls: { certFile: tls.certFile, keyFile: tls.keyFile },
      hostTls: tls,
      listenHosts: [...new Set(["127.0.0.1", config.address])],
    },
    makePromises: (cluster, wake) => new GuardedVoters(cluster, guard, timings.marginMs, wake),
    upstream: (member) => ({
      member: member.id,
      socketDirectory: isLocal(member) ? servers.socketDirectory(member.id) : servers.relayDirectory(member.id),
      port: member.port,
      dataDirectory: isLocal(member) ? member.dataDirectory : undefined,
    }),
    connectMembers: connect,
    several: {
      config,
      neighbours,
      tls,
      port: ports.api,
      tokens,
      certificates,
      peers,
      sync,
      quickStore,
      trueStore: own.store,
      gate: {
        isAllowed: (identity) => {
          if (identity.unit !== "host") return certificates.isGood(identity);
          return book.all().length === 0 || isKnownHost(book.all(), identity);
        },
        ownerOf: (token) => tokens.ownerOf(token),
      },
      removeStoreMember: (host) => own.removeMember(host),
      rebuildStore: () => own.rebuild(),
      storeMember: own.member,
    },
    start: async (runtime) => {
      health.start();
      await Promise.all([tokens.start(ended.signal), certificates.start(ended.signal)]);
      await runtime.followStore(ended.signal);
    },
    close: async () => {
      ended.abort();
      lost.close();
      health.close();
      guard.close();
      peers.close();
      sync.close();
      neighbours.close();
      await Promise.all([guardDriver.close(), relay.close(), own.close(), store.close()]);
    },
    stop: async () => {
      await Promise.all([guardDriver.stop(), relay.stop(), own.stop()]);
    },
  };
}

/** Until the store has been read for the first time. */
function selfFrom({ name, address, base_port: basePort, region, zone }: HostConfig): HostRecord {
  return {
    name,
    address,
    basePort,
    region,
    zone,
    labels: {},
    version,
    state: "active",
    runsStore: false,
    engines: { embedded: [], system: [] },
    keyFingerprint: "",
    signs: false,
    joinedAt: 0,
  };
}
