/**
 * This host's member of the installation's own etcd, as far as it has one: taken up at the agent's start, or joined later
 * when this host takes a place that another has left. Made by open-store.ts; looked after for as long as the agent runs.
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
import { peerUrl } from "../drivers/etcd/settings.ts";
import type { SetupParts } from "./setup.ts";

const careEveryMs = 60_000;
/** a large store takes its time to be copied */
const joinMs = 120_000;
const rebuildMs = 60_000;

export class OwnEtcd {
  readonly #config: HostConfig;
  readonly #parts: SetupParts;
  readonly #signal: AbortSignal;
  #server: EtcdServer | undefined;
  #end: () => void = () => undefined;

  constructor(config: HostConfig, parts: SetupParts, signal: AbortSignal) {
    this.#config = config;
    this.#parts = parts;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** Adopts or starts the one that there is. */
  async takeUp(): Promise<void> {
    if (!(await this.#isBegun())) return;
    // The others may do without it: an etcd that does not come up keeps no agent from its servers.
    const server = this.#keep(await findEtcd());
    await server.ensure().catch((error: unknown) => this.#parts.log.error("etcd not started", { error }));
  }

  /** It has a vote, or had one. */
  async exists(): Promise<boolean> {
    return (await readState(etcdFiles(this.#parts.paths.home)))?.phase === "member";
  }

  /** @throws OpError etcd-missing */
  async canRun(): Promise<void> {
    await findEtcd();
  }

  /** @throws OpError etcd-failed, store-unavailable; then the next try goes on */
  async join(endpoints: readonly string[]): Promise<void> {
    // One that the others had taken out is over, and so is what kept it.
    const server = (await this.#isBegun()) && this.#server ? this.#server : this.#keep(await findEtcd());
    await server.join(endpoints, AbortSignal.any([this.#signal, AbortSignal.timeout(joinMs)]));
  }

  /** The store is this one's alone from now on. @returns false where there is none */
  async standAlone(): Promise<boolean> {
    if (!this.#server) return false;
    await this.#server.standAlone(AbortSignal.timeout(rebuildMs));
    return true;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** Also when it was only added and never started: nobody would take it out later. */
  async remove(lost: HostRecord, endpoints: readonly string[]): Promise<void> {
    if (!lost.runsStore) return;
    const { EtcdMembers } = await import("../drivers/etcd/membership.ts");
    const members = new EtcdMembers(endpoints, hostCertificateFiles(this.#parts.paths.home), this.#parts.log);
    const peer = peerUrl(selfOf(lost, ""));
    try {
      const found = (await members.list()).find(({ name, peerUrls }) => name === lost.name || peerUrls.includes(peer));
      if (found) await members.takeOut(found);
    } finally {
      members.close();
    }
  }

  async #isBegun(): Promise<boolean> {
    const state = await readState(etcdFiles(this.#parts.paths.home));
    return state !== undefined && state.phase !== "removed";
  }

  #keep(program: Awaited<ReturnType<typeof findEtcd>>): EtcdServer {
    const { paths, log, eventFile, clock } = this.#parts;
    const tell = (news: EtcdNews): void => tellEtcdNews(eventFile.events, news);
    const { name, address, base_port: basePort } = this.#config;
    const server = new EtcdServer({ self: selfOf({ name, address, basePort }, paths.home), program, tell, log });
    this.#end();
    this.#server = server;
    const care = (): void =>
      void careForEtcd({ server, tell, wallNow: clock.wallNow() }).catch((error: unknown) =>
        log.warn("etcd not looked after", { error }),
      );
    const timer = setInterval(care, careEveryMs);
    this.#end = (): void => {
      clearInterval(timer);
      server.close();
    };
    return server;
  }
}

function selfOf(
  { name, address, basePort }: Pick<HostRecord, "name" | "address" | "basePort">,
  home: string,
): EtcdSelf {
  const { etcdClient: clientPort, etcdPeer: peerPort } = hostPorts(basePort);
  return { home, name, address, clientPort, peerPort };
}
