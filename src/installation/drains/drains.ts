/**
 * Drains of the installation, as users ask for them and as this host has them. The store says which there are; every host
 * sends its own lines, and takes up by itself what was added while it was away or before it joined.
 */
import { createHash, randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";

import type { Asked } from "../../contract/asked.ts";
import type {
  DrainChanged,
  DrainRequest,
  DrainsInstallation,
  DrainStatus,
  DrainTested,
} from "../../contract/drains.ts";
import type { Drain, DrainEntry } from "../../domain/drain.ts";
import { reasonOf } from "../../drivers/logs/drains/pump.ts";
import { createSender } from "../../drivers/logs/drains/send.ts";
import { drainsPrefix, readDrains, removeDrain, writeDrain } from "../../drivers/store/drain-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { clusterOf, refuseWithoutStore, type Parts } from "../parts.ts";
import { fetchToken, readKept, writeKept } from "./kept.ts";
import { placeOf, WorkingDrain } from "./working.ts";

const retryMs = 5000;
const drainsMax = 20;

/** Those that there are begin at once. */
export function createDrains(parts: Parts): DrainsInstallation {
  return new Drains(parts);
}

class Drains implements DrainsInstallation {
  readonly #parts: Parts;
  readonly #working = new Map<string, WorkingDrain>();
  /** their tokens are with hosts that do not answer; since when, wall clock */
  readonly #waiting = new Map<string, { readonly entry: DrainEntry; readonly since: number }>();
  /** added here, and not in the store yet */
  readonly #added = new Map<string, Drain>();
  #turn: Promise<void> = Promise.resolve();
  #triesLater = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const drain of readKept(parts.home)) this.#working.set(drain.id, new WorkingDrain(parts, drain));
    parts.store.watch(drainsPrefix, () => void this.#takeUp(), parts.signal);
    void this.#takeUp();
  }

  async list(): Promise<readonly DrainStatus[]> {
    const waiting = [...this.#waiting.values()].filter(({ entry }) => !this.#working.has(entry.id));
    return [...[...this.#working.values()].map(({ status }) => status), ...waiting.map(statusOfWaiting)];
  }

  async add(request: DrainRequest, asked: Asked): Promise<DrainChanged> {
    const { cluster, to } = request;
    if (cluster !== null) clusterOf(this.#parts, cluster);
    refuseWithoutStore(this.#parts);
    const id = idOf(request);
    const isNew = !this.#working.has(id) && !this.#waiting.has(id);
    if (isNew && this.#working.size + this.#waiting.size >= drainsMax)
      throw new OpError("bad-value", { message: `there are ${drainsMax} drains, and there may be no more` });
    const drain: Drain = { id, version: randomBytes(8).toString("hex"), ...request };
    // An authority that is none is found now, and not when the first line is sent.
    createSender(drain).close();
    // The token first: as soon as the store has the drain, the other hosts ask for it.
    this.#added.set(id, drain);
    await this.#inTurn(() => this.#write());
    await writeDrain(this.#parts.store, entryOf(drain)).catch((error: unknown) => {
      if (!(error instanceof OpError && error.code === "store-outcome-unknown")) this.#added.delete(id);
      throw error;
    });
    await this.#takeUp();
    if (isNew) this.#parts.events.emit("drain.added", { cluster: cluster ?? "", actor: asked.by }, { drain: id, to });
    return { id, missing: this.#unheard() };
  }

  async remove(id: string, asked: Asked): Promise<DrainChanged> {
    const { cluster, to } = this.#find(id);
    refuseWithoutStore(this.#parts);
    await removeDrain(this.#parts.store, id);
    await this.#takeUp();
    this.#parts.events.emit("drain.removed", { cluster: cluster ?? "", actor: asked.by }, { drain: id, to });
    return { id, missing: this.#unheard() };
  }

  async test(id: string): Promise<DrainTested> {
    this.#find(id);
    const began = performance.now();
    const drain = this.#working.get(id)?.drain;
    const reason = drain === undefined ? tokenIsAway : await this.#tryOne(drain);
    return { id, ok: reason === null, took_ms: Math.round(performance.now() - began), reason };
  }

  async #tryOne(drain: Drain): Promise<string | null> {
    const sender = createSender(drain);
    const about = { cluster: drain.cluster, member: null, fields: { drain: drain.id } };
    const from = { host: this.#parts.hostName, process: "agent", level: "info" } as const;
    const reason = await sender
      .send([{ at: new Date().toISOString(), ...from, ...about, message: "matriarch drain test" }])
      .then((rejected) => (rejected === 0 ? null : "the receiver refused the record"), reasonOf);
    sender.close();
    return reason;
  }

  #find(id: string): Pick<Drain, "cluster" | "to"> {
    const found = this.#working.get(id)?.drain ?? this.#waiting.get(id)?.entry;
    if (found) return found;
    throw new OpError("drain-not-found", {
      message: `there is no drain "${id}"`,
      hint: "See those that there are with: matriarch drain list",
    });
  }

  /** Makes what this host does what the store says. What cannot be done now is tried again. */
  #takeUp(): Promise<void> {
    const { store, signal, log } = this.#parts;
    return this.#inTurn(async () => this.#follow(await readDrains(store, signal))).catch((error: unknown) => {
      if (!signal.aborted && !(error instanceof OpError)) log.warn("drains not followed", { error });
      this.#tryLater();
    });
  }

  /** The file and what is at work change one after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #follow(entries: readonly DrainEntry[]): Promise<void> {
    const wanted = new Map(entries.map((entry) => [entry.id, entry]));
    for (const id of this.#waiting.keys()) if (!wanted.has(id)) this.#waiting.delete(id);
    const gone = [...this.#working.keys()].filter((id) => !wanted.has(id));
    for (const id of gone) await this.#end(id);
    const changed = entries.filter(({ id, version }) => this.#working.get(id)?.drain.version !== version);
    for (const entry of changed) await this.#take(entry);
    if (gone.length + changed.length > 0) await this.#write();
    if (this.#waiting.size > 0) this.#tryLater();
  }

  async #take(entry: DrainEntry): Promise<void> {
    const { hasToken, ...rest } = entry;
    const own = this.#added.get(entry.id);
    const token = own?.version === entry.version ? own.token : hasToken && (await fetchToken(this.#parts, entry));
    if (hasToken && !token) {
      const since = this.#waiting.get(entry.id)?.since ?? Date.now();
      this.#waiting.set(entry.id, { entry, since });
      return;
    }
    this.#waiting.delete(entry.id);
    if (own?.version === entry.version) this.#added.delete(entry.id);
    await this.#working.get(entry.id)?.end();
    this.#working.set(entry.id, new WorkingDrain(this.#parts, { ...rest, ...(token ? { token } : {}) }));
  }

  async #end(id: string): Promise<void> {
    await this.#working.get(id)?.end();
    this.#working.delete(id);
    await rm(placeOf(this.#parts.home, id), { force: true });
  }

  #tryLater(): void {
    if (this.#triesLater) return;
    this.#triesLater = true;
    setTimeout(() => {
      this.#triesLater = false;
      if (!this.#parts.signal.aborted) void this.#takeUp();
    }, retryMs).unref();
  }

  #unheard(): DrainChanged["missing"] {
    const { hosts } = this.#parts;
    const away = hosts.all().filter(({ name }) => !hosts.isHeard(name));
    return away.map(({ name: host }) => ({ host, reason: "it is not heard now" }));
  }

  async #write(): Promise<void> {
    const drains = new Map([...this.#working.values()].map(({ drain }) => [drain.id, drain]));
    for (const drain of this.#added.values()) drains.set(drain.id, drain);
    await writeKept(this.#parts.home, [...drains.values()]);
  }
}

/** One of what, to where: adding the same again changes it. */
function idOf({ cluster, to }: DrainRequest): string {
  return createHash("sha256")
    .update(`${cluster ?? ""}\0${to}`)
    .digest("hex")
    .slice(0, 8);
}

function entryOf({ id, version, cluster, to, level, ca, token }: Drain): DrainEntry {
  return { id, version, cluster, to, level, ...(ca === undefined ? {} : { ca }), hasToken: token !== undefined };
}

const tokenIsAway =
  "this host does not have its token, and no host that answers has it; adding the drain again gives it";

function statusOfWaiting({ entry, since }: { readonly entry: DrainEntry; readonly since: number }): DrainStatus {
  const { id, cluster, to, level } = entry;
  const nothing = { sent: 0, rejected: 0, dropped_bytes: 0 };
  const failing = { failing_since: new Date(since).toISOString(), reason: tokenIsAway };
  return { id, cluster, to, level, has_token: true, ...nothing, ...failing };
}
