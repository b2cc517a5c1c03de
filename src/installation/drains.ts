/**
 * Drains of this host: which there are, each at work until it is removed, and what users are told of them. They are kept
 * in a file that only the agent reads, for it has the receivers' tokens; every host has its own, and sends its own lines.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { DrainChanged, DrainRequest, DrainsInstallation, DrainStatus, DrainTested } from "../contract/drains.ts";
import type { Drain, DrainRecord, DrainState } from "../domain/drain.ts";
import { pump, reasonOf } from "../drivers/logs/drains/pump.ts";
import { createSender } from "../drivers/logs/drains/send.ts";
import { backupStreams, memberStreams, processStreams, type LogStream } from "../drivers/logs/sources.ts";
import { runDirectory } from "../drivers/pgbackrest/places.ts";
import { OpError } from "../errors/op-error.ts";
import type { EventRecord } from "../events/event.ts";
import { clusterOf, isHere, type Parts } from "./parts.ts";

const failingMs = 30_000;
const tellDroppedEveryMs = 60_000;
const otherHostMs = 5000;
const eventsAtOnce = 200;
const drainsMax = 20;

interface Working {
  readonly drain: Drain;
  readonly end: AbortController;
  state: DrainState;
  isToldFailing: boolean;
  toldDropped: { bytes: number; rejected: number; at: number };
}

/** Those that there are begin at once. */
export function createDrains(parts: Parts): DrainsInstallation {
  return new Drains(parts);
}

class Drains implements DrainsInstallation {
  readonly #parts: Parts;
  readonly #directory: string;
  readonly #working = new Map<string, Working>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#directory = join(parts.home, "drains");
    for (const drain of this.#read()) this.#begin(drain);
  }

  async list(): Promise<readonly DrainStatus[]> {
    return [...this.#working.values()].map(statusOf);
  }

  async add(
    request: DrainRequest,
    { here }: { readonly here: boolean },
    asked: Parameters<DrainsInstallation["add"]>[2],
  ): Promise<DrainChanged> {
    const { cluster, to } = request;
    if (cluster !== null) clusterOf(this.#parts, cluster);
    const id = createHash("sha256")
      .update(`${cluster ?? ""}\0${to}`)
      .digest("hex")
      .slice(0, 8);
    if (!this.#working.has(id) && this.#working.size >= drainsMax)
      throw new OpError("bad-value", { message: `there are ${drainsMax} drains, and there may be no more` });
    // An authority that is none is found now, and not when the first line is sent.
    createSender({ id, ...request }).close();
    const isNew = !this.#working.has(id);
    this.#working.get(id)?.end.abort();
    this.#begin({ id, ...request });
    await this.#write();
    if (isNew && !here)
      this.#parts.events.emit("drain.added", { cluster: cluster ?? "", actor: asked.by }, { drain: id, to });
    return { id, missing: here ? [] : await this.#tellOthers("POST", "/v1/drains", request) };
  }

  async remove(
    id: string,
    { here }: { readonly here: boolean },
    asked: Parameters<DrainsInstallation["remove"]>[2],
  ): Promise<DrainChanged> {
    const working = this.#working.get(id);
    if (!working && here) return { id, missing: [] };
    const { drain, end } = this.#find(id);
    end.abort();
    this.#working.delete(id);
    await this.#write();
    await rm(join(this.#directory, `${id}.json`), { force: true });
    if (!here)
      this.#parts.events.emit(
        "drain.removed",
        { cluster: drain.cluster ?? "", actor: asked.by },
        { drain: id, to: drain.to },
      );
    return { id, missing: here ? [] : await this.#tellOthers("DELETE", `/v1/drains/${id}`, undefined) };
  }

  async test(id: string): Promise<DrainTested> {
    const { drain } = this.#find(id);
    const sender = createSender(drain);
    const began = performance.now();
    const record: DrainRecord = {
      at: new Date().toISOString(),
      host: this.#host(),
      process: "agent",
      level: "info",
      cluster: drain.cluster,
      member: null,
      message: "matriarch drain test",
      fields: { drain: id },
    };
    const reason = await sender
      .send([record])
      .then((rejected) => (rejected === 0 ? null : "the receiver refused the record"), reasonOf);
    sender.close();
    return { id, ok: reason === null, took_ms: Math.round(performance.now() - began), reason };
  }

  #find(id: string): Working {
    const found = this.#working.get(id);
    if (found) return found;
    throw new OpError("drain-not-found", {
      message: `there is no drain "${id}"`,
      hint: "See those that there are with: matriarch drain list",
    });
  }

  #begin(drain: Drain): void {
    const end = new AbortController();
    const working: Working = {
      drain,
      end,
      state: { id: drain.id, sent: 0, droppedBytes: 0, rejected: 0 },
      isToldFailing: false,
      toldDropped: { bytes: 0, rejected: 0, at: 0 },
    };
    this.#working.set(drain.id, working);
    const work = pump({
      drain,
      host: this.#host(),
      sender: createSender(drain),
      positionFile: join(this.#directory, `${drain.id}.json`),
      streams: () => streamsOf(this.#parts, drain.cluster),
      events: async (after) => this.#eventsAfter(drain, after),
      changed: (state) => this.#changed(working, state),
      signal: AbortSignal.any([end.signal, this.#parts.signal]),
    });
    work.catch((error: unknown) => this.#parts.log.error("drain ended", { drain: drain.id, error }));
  }

  #changed(working: Working, state: DrainState): void {
    const { drain, toldDropped } = working;
    const { failing, droppedBytes, rejected } = state;
    const { events } = this.#parts;
    const of = { cluster: drain.cluster ?? "" };
    const about = { drain: drain.id, to: drain.to };
    if (failing && !working.isToldFailing && Date.now() - failing.since >= failingMs) {
      working.isToldFailing = true;
      events.emit("drain.failing", of, { ...about, reason: failing.reason });
    }
    if (!failing && working.isToldFailing) {
      working.isToldFailing = false;
      events.emit("drain.works", of, about);
    }
    const isMore = droppedBytes > toldDropped.bytes || rejected > toldDropped.rejected;
    if (isMore && Date.now() - toldDropped.at >= tellDroppedEveryMs) {
      const since = { bytes: droppedBytes - toldDropped.bytes, rejected: rejected - toldDropped.rejected };
      working.toldDropped = { bytes: droppedBytes, rejected, at: Date.now() };
      events.emit("drain.dropped", of, { ...about, ...since });
    }
    working.state = state;
  }

  #eventsAfter({ cluster }: Drain, after: number | undefined) {
    const { events } = this.#parts;
    if (after === undefined) return { records: [], last: events.list({ limit: 1 }).at(-1)?.id ?? 0 };
    const found = events.list({ afterId: after, oldestFirst: true, limit: eventsAtOnce });
    const own = found.filter(
      (event) =>
        (event.host === null || event.host === this.#host()) && (cluster === null || event.cluster === cluster),
    );
    return { records: own.map(asRecord), last: found.at(-1)?.id ?? after };
  }

  #host(): string | null {
    return this.#parts.hosts.self?.name ?? null;
  }

  async #tellOthers(method: "POST" | "DELETE", path: string, body: unknown): Promise<DrainChanged["missing"]> {
    const others = this.#parts.hosts.all().filter(({ name }) => name !== this.#host());
    const as = { by: "matriarch", role: "admin" } as const;
    const call = {
      method,
      path: `${path}?here=true`,
      deadlineMs: otherHostMs,
      as,
      ...(body === undefined ? {} : { body }),
    };
    const told = others.map(({ name: host }) =>
      this.#parts.hosts.call(host, call).then(
        () => [],
        (error: unknown) => [{ host, reason: reasonOf(error) }],
      ),
    );
    return (await Promise.all(told)).flat();
  }

  #read(): readonly Drain[] {
    try {
      return JSON.parse(readFileSync(join(this.#directory, "drains.json"), "utf8"));
    } catch {
      return [];
    }
  }

  async #write(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const file = join(this.#directory, "drains.json");
    const text = JSON.stringify([...this.#working.values()].map(({ drain }) => drain));
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

async function streamsOf(parts: Parts, cluster: string | null): Promise<readonly LogStream[]> {
  const clusters = [...parts.runtime.clusters.values()].filter(({ name }) => cluster === null || name === cluster);
  const streams = clusters.map(async ({ name, record }) => {
    const members = Object.values(record.members).filter(({ value }) => isHere(parts, value));
    const of = members.map(({ value }) => memberStreams(dirname(value.dataDirectory), name, value.id));
    return [...(await Promise.all(of)).flat(), ...(await backupStreams(runDirectory(parts, name), name))];
  });
  return [...(await Promise.all(streams)).flat(), ...(await processStreams(parts.home))];
}

function asRecord({ at, host, cluster, member, level, message, type, cause, actor }: EventRecord): DrainRecord {
  return {
    at,
    host,
    process: "event",
    level,
    cluster: cluster === "" ? null : cluster,
    member,
    message,
    fields: { type, actor, ...(cause === null ? {} : { cause }) },
  };
}

function statusOf({ drain, state }: Working): DrainStatus {
  return {
    id: drain.id,
    cluster: drain.cluster,
    to: drain.to,
    level: drain.level,
    has_token: drain.token !== undefined,
    sent: state.sent,
    rejected: state.rejected,
    dropped_bytes: state.droppedBytes,
    failing_since: state.failing ? new Date(state.failing.since).toISOString() : null,
    reason: state.failing?.reason ?? null,
  };
}
