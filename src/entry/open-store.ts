/**
 * The store of an installation over several hosts: the etcd that was given, or the installation's own, of which this
 * host may run a member. Made by several-hosts.ts; host.json says which it is.
 */
import { tellEtcdNews } from "../agent/narrate/etcd.ts";
import type { HostConfig } from "../config/host-config.ts";
import { hostPorts, type HostRecord } from "../domain/host.ts";
import { hostCertificateFiles } from "../drivers/certificates/host.ts";
import { careForEtcd } from "../drivers/etcd/care.ts";
import { etcdFiles, readState } from "../drivers/etcd/files.ts";
import type { EtcdNews, EtcdSelf } from "../drivers/etcd/port.ts";
import { findEtcd } from "../drivers/etcd/program.ts";
import { EtcdServer } from "../drivers/etcd/server.ts";
import { KnownEtcd, readKnownEtcd } from "../drivers/store/etcd/known.ts";
import { openEtcdStore } from "../drivers/store/etcd/store.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import { storeEndpoint } from "../installation/hosts/store-files.ts";
import type { SetupParts } from "./setup.ts";

const careEveryMs = 60_000;
const rebuildMs = 60_000;

export interface OpenedStore {
  readonly store: Store;
  /** where etcd is may have changed */
  hostsChanged(hosts: readonly HostRecord[]): void;
  /** takes the host's member out of the installation's own etcd; nothing when it has none */
  removeMember(host: HostRecord): Promise<void>;
  /** makes the store of this host's member alone. @throws OpError not-supported where it has none */
  rebuild(): Promise<void>;
  /** ends this host's etcd */
  stop(): Promise<void>;
  /** of what goes on beside the store; the store is closed by itself */
  close(): Promise<void>;
}

export async function openStore(config: HostConfig, parts: SetupParts, signal: AbortSignal): Promise<OpenedStore> {
  const { store: told } = config;
  const host = hostCertificateFiles(parts.paths.home);
  const { ca_file, cert_file, key_file, user, password_file } = told;
  const given = ca_file === undefined ? undefined : { caFile: ca_file, ...pair(cert_file, key_file) };
  const { knownStore } = parts.paths;
  const known = readKnownEtcd(knownStore);
  const store = openEtcdStore({
    endpoints: told.endpoints,
    prefix: told.prefix,
    tls: told.kind === "own" ? host : given,
    ...(user === undefined ? {} : { user }),
    ...(password_file === undefined ? {} : { passwordFile: password_file }),
    ...(known === undefined ? {} : { known }),
    log: parts.log,
  });
  const kept = new KnownEtcd(knownStore, () => store.identity);
  const close = (): Promise<void> => kept.close();
  if (told.kind === "given")
    return {
      rebuild: () => Promise.reject(notOurs(config.name)),
      store,
      hostsChanged: () => undefined,
      removeMember: async () => undefined,
      stop: async () => undefined,
      close,
    };
  const server = await runOwnEtcd(config, parts, signal);
  return {
    store,
    hostsChanged: (hosts) => {
      const endpoints = nearestFirst(hosts, config.name);
      if (endpoints.length > 0) store.setEndpoints(endpoints);
    },
    removeMember: (lost) => removeMember(lost, config, parts),
    stop: async () => server?.stop(),
    close,
    rebuild: async () => {
      if (!server) throw notOurs(config.name);
      await server.standAlone(AbortSignal.timeout(rebuildMs));
      // It may lack the last moment of what the others knew.
      store.forgetIdentity();
    },
  };
}

function notOurs(host: string): OpError {
  return new OpError("not-supported", {
    message: `host "${host}" runs no etcd of the installation`,
    hint: "See which hosts do: matriarch host list. An etcd of your own is brought back by its own tools.",
  });
}

function pair(certFile: string | undefined, keyFile: string | undefined) {
  return certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile };
}

function nearestFirst(hosts: readonly HostRecord[], self: string): readonly string[] {
  return hosts
    .filter(({ runsStore }) => runsStore)
    .toSorted((a, b) => Number(b.name === self) - Number(a.name === self))
    .map(storeEndpoint);
}

/** @returns undefined on a host that has no member */
async function runOwnEtcd(config: HostConfig, parts: SetupParts, signal: AbortSignal): Promise<EtcdServer | undefined> {
  const { paths, log, eventFile } = parts;
  const state = await readState(etcdFiles(paths.home));
  if (state === undefined || state.phase === "removed") return undefined;
  const tell = (news: EtcdNews): void => tellEtcdNews(eventFile.events, news);
  const server = new EtcdServer({ self: etcdSelf(config, paths.home), program: await findEtcd(), tell, log });
  // The others may do without it: an etcd that does not come up keeps no agent from its servers.
  await server.ensure().catch((error: unknown) => log.error("etcd not started", { error }));
  const care = (): void =>
    void careForEtcd({ server, tell, wallNow: parts.clock.wallNow() }).catch((error: unknown) =>
      log.warn("etcd not looked after", { error }),
    );
  const timer = setInterval(care, careEveryMs);
  signal.addEventListener(
    "abort",
    () => {
      clearInterval(timer);
      server.close();
    },
    { once: true },
  );
  return server;
}

function etcdSelf({ name, address, base_port: basePort }: HostConfig, home: string): EtcdSelf {
  const { etcdClient: clientPort, etcdPeer: peerPort } = hostPorts(basePort);
  return { home, name, address, clientPort, peerPort };
}

async function removeMember(lost: HostRecord, config: HostConfig, { paths, log }: SetupParts): Promise<void> {
  if (!lost.runsStore) return;
  const { EtcdMembers } = await import("../drivers/etcd/membership.ts");
  const members = new EtcdMembers(config.store.endpoints, hostCertificateFiles(paths.home), log);
  try {
    const found = (await members.list()).find(({ name }) => name === lost.name);
    if (found) await members.remove(found.id);
  } finally {
    members.close();
  }
}
