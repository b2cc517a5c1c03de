/**
 * The store of an installation over several hosts: the etcd that was given, or the installation's own, of which this
 * host may run a member. Made by several-hosts.ts; host.json says which it is.
 */
import type { HostConfig } from "../config/host-config.ts";
import type { HostRecord } from "../domain/host.ts";
import { hostCertificateFiles } from "../drivers/certificates/host.ts";
import { KnownEtcd, readKnownEtcd } from "../drivers/store/etcd/known.ts";
import { openEtcdStore } from "../drivers/store/etcd/store.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import type { OwnStoreMember } from "../installation/hosts/place.ts";
import { storeEndpoint } from "../installation/hosts/store-files.ts";
import { OwnEtcd } from "./own-etcd.ts";
import type { SetupParts } from "./setup.ts";

export interface OpenedStore {
  readonly store: Store;
  /** where etcd is may have changed */
  hostsChanged(hosts: readonly HostRecord[]): void;
  /** takes the host's member out of the installation's own etcd; nothing when it has none */
  removeMember(host: HostRecord): Promise<void>;
  /** this host's member of it; of a given etcd there is none */
  readonly member: OwnStoreMember;
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
  const member = new OwnEtcd(config, parts, signal);
  if (told.kind === "given")
    return {
      rebuild: () => Promise.reject(notOurs(config.name)),
      store,
      hostsChanged: () => undefined,
      removeMember: async () => undefined,
      member,
      stop: async () => undefined,
      close,
    };
  await member.takeUp();
  let { endpoints } = told;
  return {
    store,
    hostsChanged: (hosts) => {
      const nearest = nearestFirst(hosts, config.name);
      if (nearest.length === 0) return;
      endpoints = nearest;
      store.setEndpoints(nearest);
    },
    // The member that is to go may answer nothing, or no more than that it is none.
    removeMember: (lost) => member.remove(lost, others(endpoints, lost)),
    member,
    stop: () => member.stop(),
    close,
    rebuild: async () => {
      if (!(await member.standAlone())) throw notOurs(config.name);
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

function nearestFirst(hosts: readonly HostRecord[], self: string): string[] {
  return hosts
    .filter(({ runsStore }) => runsStore)
    .toSorted((a, b) => Number(b.name === self) - Number(a.name === self))
    .map(storeEndpoint);
}

function others(endpoints: readonly string[], lost: HostRecord): readonly string[] {
  const left = endpoints.filter((url) => url !== storeEndpoint(lost));
  return left.length === 0 ? endpoints : left;
}
