/** A drain at work on this host: what it reads, how it fares, and the events about that. Made by drains.ts. */
import { dirname, join } from "node:path";

import type { DrainStatus } from "../../contract/drains.ts";
import type { Drain, DrainRecord, DrainState } from "../../domain/drain.ts";
import { pump } from "../../drivers/logs/drains/pump.ts";
import { createSender } from "../../drivers/logs/drains/send.ts";
import { backupStreams, memberStreams, processStreams, type LogStream } from "../../drivers/logs/sources.ts";
import { runDirectory } from "../../drivers/pgbackrest/places.ts";
import type { EventRecord } from "../../events/event.ts";
import { isHere, type Parts } from "../parts.ts";
import { drainsDirectory } from "./kept.ts";

const failingMs = 30_000;
const tellDroppedEveryMs = 60_000;
const eventsAtOnce = 200;

export class WorkingDrain {
  readonly drain: Drain;
  readonly #parts: Parts;
  readonly #end = new AbortController();
  readonly #work: Promise<void>;
  #state: DrainState;
  #isToldFailing = false;
  #toldDropped = { bytes: 0, rejected: 0, at: 0 };

  /** Begins at once. */
  constructor(parts: Parts, drain: Drain) {
    this.drain = drain;
    this.#parts = parts;
    this.#state = { id: drain.id, sent: 0, droppedBytes: 0, rejected: 0 };
    const signal = AbortSignal.any([this.#end.signal, parts.signal]);
    this.#work = pump({
      drain,
      host: parts.hostName,
      sender: createSender(drain),
      positionFile: placeOf(parts.home, drain.id),
      streams: () => streamsOf(parts, drain.cluster),
      events: async (after) => this.#eventsAfter(after),
      changed: (state) => this.#changed(state),
      signal,
    }).catch((error: unknown) => parts.log.error("drain ended", { drain: drain.id, error }));
  }

  /** Nobody writes down its place any more when this returns. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#work;
  }

  get status(): DrainStatus {
    const { sent, rejected, droppedBytes, failing } = this.#state;
    const { id, cluster, to, level, token } = this.drain;
    return {
      id,
      cluster,
      to,
      level,
      has_token: token !== undefined,
      sent,
      rejected,
      dropped_bytes: droppedBytes,
      failing_since: failing ? new Date(failing.since).toISOString() : null,
      reason: failing?.reason ?? null,
    };
  }

  #changed(now: DrainState): void {
    const since = this.#state.failing?.since;
    this.#state = now.failing && since !== undefined ? { ...now, failing: { ...now.failing, since } } : now;
    const { droppedBytes, rejected, failing } = this.#state;
    const { drain } = this;
    const { events } = this.#parts;
    const of = { cluster: drain.cluster ?? "" };
    const about = { drain: drain.id, to: drain.to };
    if (failing && !this.#isToldFailing && Date.now() - failing.since >= failingMs) {
      this.#isToldFailing = true;
      events.emit("drain.failing", of, { ...about, reason: failing.reason });
    }
    if (!failing && this.#isToldFailing) {
      this.#isToldFailing = false;
      events.emit("drain.works", of, about);
    }
    const told = this.#toldDropped;
    const isMore = droppedBytes > told.bytes || rejected > told.rejected;
    if (!isMore || Date.now() - told.at < tellDroppedEveryMs) return;
    this.#toldDropped = { bytes: droppedBytes, rejected, at: Date.now() };
    events.emit("drain.dropped", of, {
      ...about,
      bytes: droppedBytes - told.bytes,
      rejected: rejected - told.rejected,
    });
  }

  #eventsAfter(after: number | undefined) {
    const { events, hosts, hostName } = this.#parts;
    const { cluster } = this.drain;
    if (after === undefined) return { records: [], last: events.list({ limit: 1 }).at(-1)?.id ?? 0 };
    const found = events.list({ afterId: after, oldestFirst: true, limit: eventsAtOnce });
    const host = hosts.self?.name ?? null;
    const own = found.filter(
      (event) => (event.host === null || event.host === host) && (cluster === null || event.cluster === cluster),
    );
    return { records: own.map((event) => asRecord(event, hostName)), last: found.at(-1)?.id ?? after };
  }
}

/** How far it has come. */
export function placeOf(home: string, id: string): string {
  return join(drainsDirectory(home), `${id}.json`);
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

function asRecord(event: EventRecord, host: string): DrainRecord {
  const { at, cluster, member, level, message, type, cause, actor } = event;
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
