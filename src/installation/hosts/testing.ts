/**
 * Hosts for tests of init and join: real certificates, ports, TLS and API, with one store in memory instead of etcd and
 * without Postgres. Only tests may import it.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createMemoryInstallation } from "../../../tests/cli/memory-installation.ts";
import { createApi, type Api } from "../../api/server.ts";
import { readHostConfig } from "../../config/host-config.ts";
import type { HostOptions, HostsInstallation } from "../../contract/host.ts";
import { hostPorts } from "../../domain/host.ts";
import { hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { createNeighbours } from "../../drivers/neighbours/https.ts";
import { MemoryStore } from "../../drivers/store/memory.ts";
import { hostsPrefix, listHosts } from "../../drivers/store/host-records.ts";
import type { Store } from "../../drivers/store/port.ts";
import { openEventFile } from "../../events/event-file.ts";
import { noLog } from "../../log/log.ts";
import { createHosts, isKnownHost } from "./hosts.ts";
import type { StoreSetup } from "./own-store.ts";
import type { HostParts, PlacedMember } from "./parts.ts";

/** What is not closed by whoever has opened it. */
class SharedStore extends MemoryStore {
  override async close(): Promise<void> {}
}

export class HostWorld implements AsyncDisposable {
  readonly store: Store = new SharedStore();
  readonly calls: string[] = [];
  readonly #ends: (() => Promise<void>)[] = [];
  #number = 0;

  readonly stores: StoreSetup = {
    findEtcd: async () => {},
    startFirst: async ({ self }) => void this.calls.push(`start ${self.name}`),
    join: async ({ self }) => void this.calls.push(`join ${self.name}`),
    check: async () => {},
    open: () => this.store,
  };

  /** A machine that has an address and a home, and nothing else. */
  async machine(): Promise<HostOptions> {
    this.#number += 1;
    const home = await mkdtemp(join(tmpdir(), "matriarch-host-"));
    this.#ends.push(() => rm(home, { recursive: true, force: true }));
    const address = `127.0.0.${this.#number + 1}`;
    const options = { home, name: `db-${this.#number}`, address, zone: `z${this.#number}` };
    return { ...options, basePort: await freeBasePort(address), service: false, agentScript: "" };
  }

  /** Its agent, as far as hosts go. */
  async start({ home }: HostOptions, options: Partial<HostParts> = {}): Promise<RunningHost> {
    const config = readHostConfig(home);
    if (!config) throw new Error(`"${home}" is no host`);
    const file = openEventFile(join(home, "events.sqlite"), { host: config.name });
    const tls = hostCertificateFiles(home);
    const neighbours = createNeighbours(tls);
    const ended = new AbortController();
    const members: PlacedMember[] = [];
    const parts: HostParts = {
      home,
      config,
      store: this.store,
      book: { all: () => [], isFresh: () => true },
      neighbours,
      events: file.events,
      operations: file.operations,
      log: noLog,
      wallNow: Date.now,
      silentMs: () => 30_000,
      signal: ended.signal,
      moves: movesOf(members, this.calls),
      removeStoreMember: async ({ name }) => void this.calls.push(`remove ${name} from the store`),
      rebuildStore: async () => void this.calls.push("rebuild the store"),
      ...options,
    };
    const hosts = createHosts(parts);
    const known = (await listHosts(this.store)).map(({ value }) => value);
    const readAgain = async (): Promise<void> => {
      known.splice(0, known.length, ...(await listHosts(this.store)).map(({ value }) => value));
    };
    this.store.watch(hostsPrefix, () => void readAgain(), ended.signal);
    const gate = {
      isAllowed: (identity: { name: string; keyFingerprint: string }) => isKnownHost(known, identity),
      ownerOf: () => undefined,
    };
    const api = createApi(createMemoryInstallation(home), { info: () => {}, error: () => {} }, { gate, hosts });
    const { api: port, guard, relay } = hostPorts(config.base_port);
    await api.listenTls({ host: config.address, port, tls });
    const others = await Promise.all([guard, relay].map((other) => listenOn(config.address, other)));
    const stop = async (): Promise<void> => {
      ended.abort();
      await api.close();
      for (const other of others) other.close();
      neighbours.close();
      file.close();
    };
    const running = { parts, hosts, api, members, known, stop: onlyOnce(stop) };
    this.#ends.unshift(running.stop);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end();
  }
}

export interface RunningHost {
  readonly parts: HostParts;
  readonly hosts: HostsInstallation;
  readonly api: Api;
  /** placed anywhere, as the test says */
  readonly members: PlacedMember[];
  stop(): Promise<void>;
}

/** Every member is on the host that its name says: `db-2/shop-1`. */
function movesOf(members: PlacedMember[], calls: string[]): HostParts["moves"] {
  const take = (gone: PlacedMember): void => void members.splice(members.indexOf(gone), 1);
  return {
    membersOn: (host) => members.filter(({ member }) => member.startsWith(`${host}/`)),
    switchAway: async (member) => void calls.push(`switch ${member.member}`),
    moveAway: async (member) => {
      calls.push(`move ${member.member}`);
      if (member.member.endsWith("stays")) return undefined;
      take(member);
      return "db-9";
    },
    giveUp: async (lost) => {
      calls.push(`give up ${lost.member}`);
      take(lost);
      return { cluster: lost.cluster, member: lost.member, successor: undefined };
    },
  };
}

function onlyOnce(end: () => Promise<void>): () => Promise<void> {
  let ended: Promise<void> | undefined;
  return () => (ended ??= end());
}

async function listenOn(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen({ host, port });
  await once(server, "listening");
  return server;
}

/** Five in a row that are free now, below those that the system gives to outgoing connections. */
async function freeBasePort(address: string): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const first = 12_000 + Math.floor(Math.random() * 1500) * 5;
    const servers = await Promise.allSettled([0, 1, 2, 3, 4].map((at) => listenOn(address, first + at)));
    for (const server of servers) if (server.status === "fulfilled") server.value.close();
    if (servers.every(({ status }) => status === "fulfilled")) return first;
  }
  throw new Error(`no free ports on ${address}`);
}
