/**
 * What the agents of an installation tell each other of their members: each sends what has changed at once, and a sign
 * of life twice a second. Called by the clusters' loops; the API hands in what arrives. Decides nothing, and nothing
 * safe rests on it: votes and promises go other ways.
 */
import { randomUUID } from "node:crypto";
import type { MemberId } from "../../domain/cluster.ts";
import type { HostAddress } from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";
import { decodeMessage, essenceOf, type LookAnswer, type LookMessage, type MemberLook } from "./look.ts";
import { Outbox } from "./outbox.ts";
import type { PeersParts } from "./parts.ts";

/** @param isNews more than positions of the log */
export type LookListener = (cluster: string, isNews: boolean) => Promise<void> | void;

export interface RemoteLook {
  readonly host: string;
  readonly look: MemberLook;
}

interface HeardHost {
  boot: string;
  at: number;
  version: string;
  hush: LookMessage["hush"];
  readonly looks: Map<string, { readonly cluster: string; readonly member: MemberId; readonly look: MemberLook }>;
}

export class Peers {
  readonly boot = randomUUID();
  readonly #parts: PeersParts;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #heard = new Map<string, HeardHost>();
  readonly #listeners = new Set<LookListener>();

  constructor(parts: PeersParts) {
    this.#parts = parts;
  }

  /** The other hosts, whenever they change. */
  setHosts(hosts: readonly HostAddress[]): void {
    const others = new Map(hosts.filter(({ name }) => name !== this.#parts.self).map((host) => [host.name, host]));
    for (const [name, outbox] of this.#outboxes) {
      const host = others.get(name);
      if (host && sameAddress(host, outbox.host)) continue;
      outbox.close();
      this.#outboxes.delete(name);
      if (!host) this.#heard.delete(name);
    }
    for (const [name, host] of others) {
      if (this.#outboxes.has(name)) continue;
      const outbox = new Outbox(host, { ...this.#parts, boot: this.boot, own: this.#own, hush: this.#hush });
      this.#outboxes.set(name, outbox);
      outbox.start();
    }
  }

  /** Members of this host, as they were seen last. */
  readonly #own: LookMessage["looks"][number][] = [];
  /** by cluster: the doze that this host's endpoints have agreed to last */
  readonly #hush = new Map<string, number>();

  /** @param urgent it is waited for, though only positions may have changed */
  note(cluster: string, member: MemberId, look: MemberLook, urgent: boolean): void {
    const index = this.#own.findIndex((own) => own.cluster === cluster && own.member === member);
    const before = this.#own[index];
    const entry = { cluster, member, look };
    if (before) this.#own[index] = entry;
    else this.#own.push(entry);
    const atOnce = urgent || before === undefined || essenceOf(before.look) !== essenceOf(look);
    for (const outbox of this.#outboxes.values()) outbox.note(entry, atOnce);
  }

  /** The member is no longer on this host. */
  forget(cluster: string, member: MemberId): void {
    const index = this.#own.findIndex((own) => own.cluster === cluster && own.member === member);
    if (index < 0) return;
    this.#own.splice(index, 1);
    for (const outbox of this.#outboxes.values()) outbox.resend();
  }

  /** Its members on other hosts look again at once. */
  poke(cluster: string): void {
    for (const outbox of this.#outboxes.values()) outbox.poke(cluster);
  }

  hush(cluster: string, revision: number): void {
    this.#hush.set(cluster, revision);
    for (const outbox of this.#outboxes.values()) outbox.urge();
  }

  /** The doze of `cluster` that `host` has agreed to last; it holds as long as the host is heard. */
  hushedFor(host: string, cluster: string): number | undefined {
    return this.#heard.get(host)?.hush[cluster];
  }

  /** Resolves when every host that can be reached has acted on what is known now, at the latest after `withinMs`. */
  async flush(withinMs: number): Promise<void> {
    const all = Promise.all([...this.#outboxes.values()].map((outbox) => outbox.flush()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([all, late]);
    clearTimeout(timer);
  }

  /** Called with a cluster of which another host has said something new. */
  onLook(listener: LookListener, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  /** A message of another agent. @throws OpError usage when it cannot be read */
  async hear(host: string, value: unknown): Promise<LookAnswer> {
    const message = readMessage(host, value);
    const clusters = this.#learn(host, message);
    const address = this.#outboxes.get(host)?.host;
    if (address) this.#parts.heardHeads(address, message.heads);
    await this.#tell(clusters);
    return { boot: this.boot, heads: this.#parts.heads() };
  }

  /** monotonic; undefined: never */
  heardAt(host: string): number | undefined {
    return this.#heard.get(host)?.at;
  }

  versionOf(host: string): string | undefined {
    return this.#heard.get(host)?.version;
  }

  looksOf(cluster: string): ReadonlyMap<MemberId, RemoteLook> {
    const found = new Map<MemberId, RemoteLook>();
    for (const [host, { looks }] of this.#heard)
      for (const entry of looks.values())
        if (entry.cluster === cluster) found.set(entry.member, { host, look: entry.look });
    return found;
  }

  close(): void {
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  /** @returns clusters of which something has been said, and whether more of it than positions of the log */
  #learn(host: string, message: LookMessage): ReadonlyMap<string, boolean> {
    const before = this.#heard.get(host);
    const changed = new Map(message.poke.map((cluster) => [cluster, true]));
    // Everything is different after silence: who was taken for lost is there again.
    const looks: HeardHost["looks"] = message.full || before?.boot !== message.boot ? new Map() : before.looks;
    if (looks !== before?.looks) for (const { cluster } of before?.looks.values() ?? []) changed.set(cluster, true);
    for (const entry of message.looks) {
      const key = `${entry.cluster}/${entry.member}`;
      const known = looks.get(key);
      const isNews = known === undefined || essenceOf(known.look) !== essenceOf(entry.look);
      looks.set(key, entry);
      changed.set(entry.cluster, isNews || changed.get(entry.cluster) === true);
    }
    const { boot, version, hush } = message;
    for (const [cluster, revision] of Object.entries(hush))
      if (before?.hush[cluster] !== revision) changed.set(cluster, true);
    this.#heard.set(host, { boot, version, hush, at: this.#parts.clock.now(), looks });
    return changed;
  }

  async #tell(clusters: ReadonlyMap<string, boolean>): Promise<void> {
    const told = [...clusters].flatMap(([cluster, isNews]) =>
      [...this.#listeners].map(async (listener) => listener(cluster, isNews)),
    );
    await Promise.allSettled(told);
  }
}

function readMessage(host: string, value: unknown): LookMessage {
  try {
    return decodeMessage(value);
  } catch (cause) {
    throw new OpError("usage", { message: `what host "${host}" says of its members cannot be read`, cause });
  }
}

function sameAddress(a: HostAddress, b: HostAddress): boolean {
  return a.address === b.address && a.basePort === b.basePort;
}
