/**
 * One drain at work: reads logs and events from where it was, gives them to the receiver, and notes how far it has come.
 * The log files are the buffer: nothing is kept in memory but one batch, and what the files' bounds remove before it was
 * sent is counted. The place is written after each batch that was taken, so a batch may come twice and none is lost.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Drain, DrainRecord, DrainState } from "../../../domain/drain.ts";
import { readSince, endsOf, type LogCursor, type LogPosition } from "../read.ts";
import type { LogStream } from "../sources.ts";
import type { Sender } from "./send.ts";

export interface PumpParts {
  readonly drain: Drain;
  readonly host: string;
  readonly sender: Sender;
  readonly positionFile: string;
  readonly streams: () => Promise<readonly LogStream[]>;
  /** events after this one, oldest first; those of the drain's cluster, of this host */
  readonly events: (
    after: number | undefined,
  ) => Promise<{ readonly records: readonly DrainRecord[]; readonly last: number }>;
  readonly changed: (state: DrainState) => void;
  readonly signal: AbortSignal;
  readonly retryMs?: { readonly least: number; readonly most: number };
}

interface Place {
  readonly cursor: LogCursor;
  readonly event: number | undefined;
  /** bytes to read in files that were seen while the receiver took nothing, by number and stream */
  readonly unread: Record<string, number>;
  readonly sent: number;
  readonly droppedBytes: number;
  readonly rejected: number;
}

const lookEveryMs = 500;
const betweenMs = 15;
const batchMax = 500;
const retry = { least: 500, most: 30_000 };
const hereRetryMs = 5000;
const nothing = { sent: 0, droppedBytes: 0, rejected: 0 };

/** Until the signal; what fails on this host (a full disk, too many open files) is tried again, like a receiver. */
export async function pump(parts: PumpParts): Promise<void> {
  // Also what is on its way to a receiver that hangs.
  parts.signal.addEventListener("abort", () => parts.sender.close(), { once: true });
  let place: Place | undefined;
  while (!parts.signal.aborted) {
    try {
      place ??= await begin(parts);
      const { place: next, hasMore } = await turn(parts, place);
      place = next;
      // However much there is: the loop that keeps the database up runs beside this.
      await pause(parts, hasMore ? betweenMs : lookEveryMs);
    } catch (error) {
      const { sent, droppedBytes, rejected } = place ?? nothing;
      const failing = { since: Date.now(), reason: `on this host: ${reasonOf(error)}` };
      parts.changed({ id: parts.drain.id, sent, droppedBytes, rejected, failing });
      await pause(parts, parts.retryMs?.most ?? hereRetryMs);
    }
  }
}

async function pause({ signal }: PumpParts, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

/** A new drain begins with what is written from now on. */
async function begin(parts: PumpParts): Promise<Place> {
  try {
    const place: Place = JSON.parse(await readFile(parts.positionFile, "utf8"));
    return place;
  } catch {
    const { last } = await parts.events(undefined);
    const cursor = await endsOf(await parts.streams());
    const place = { cursor, event: last, unread: {}, ...nothing };
    await save(parts, place);
    return place;
  }
}

async function turn(parts: PumpParts, place: Place): Promise<{ place: Place; hasMore: boolean }> {
  const { drain, host } = parts;
  const streams = await parts.streams();
  const dropped = takeDropped(streams, place.unread);
  const filter = { level: drain.level, ...(drain.cluster === null ? {} : { cluster: drain.cluster }) };
  const page = await readSince(streams, place.cursor, filter, 1);
  const events = await parts.events(place.event);
  const records = [...page.records.map((record) => ({ ...record, host })), ...events.records];
  let rejected = 0;
  for (let at = 0; at < records.length && !parts.signal.aborted; at += batchMax)
    rejected += await deliver(parts, place, records.slice(at, at + batchMax));
  if (parts.signal.aborted) return { place, hasMore: false };
  const next = {
    cursor: { ...place.cursor, ...page.cursor },
    event: events.last,
    unread: place.unread,
    sent: place.sent + records.length - rejected,
    droppedBytes: place.droppedBytes + dropped,
    rejected: place.rejected + rejected,
  };
  for (const stream of streams) forgetRead(stream, place, next.cursor[stream.key]);
  if (records.length > 0 || dropped > 0) {
    // Sent is sent: what cannot be written down is known to this process, and not sent again by it.
    const failing = await save(parts, next).then(() => undefined, notWritten);
    parts.changed({ ...stateOf(parts, next), failing });
  }
  return { place: next, hasMore: page.hasMore || events.records.length > 0 };
}

/** Again and again, later and later, until it is taken. */
async function deliver(parts: PumpParts, place: Place, records: readonly DrainRecord[]): Promise<number> {
  const { least, most } = parts.retryMs ?? retry;
  let waitMs = least;
  let since: number | undefined;
  for (;;) {
    if (parts.signal.aborted) return 0;
    try {
      return await parts.sender.send(records);
    } catch (error) {
      since ??= Date.now();
      parts.changed({ ...stateOf(parts, place), failing: { since, reason: reasonOf(error) } });
      await pause(parts, waitMs * (0.5 + Math.random() / 2));
      waitMs = Math.min(waitMs * 2, most);
      // What comes meanwhile is noted, so that it is known should it be removed before it is read.
      await notice(parts, place);
    }
  }
}

/** Of files that wait, how much there is to read in each. */
async function notice(parts: PumpParts, place: Place): Promise<void> {
  for (const { key, files } of await parts.streams()) {
    const [id, at]: LogPosition = place.cursor[key] ?? [-1, 0];
    const from = Math.max(
      0,
      files.findIndex((file) => file.id === id),
    );
    for (const file of files.slice(from))
      place.unread[nameOf(key, file.id)] = file.id === id ? Math.max(0, file.size - at) : file.size;
  }
  await save(parts, place).catch(() => undefined);
}

/** A stream that nobody knows of yet, early in an agent's life, says nothing about its files. */
function takeDropped(streams: readonly LogStream[], unread: Place["unread"]): number {
  const there = new Set(streams.flatMap(({ key, files }) => files.map(({ id }) => nameOf(key, id))));
  const known = new Set(streams.map(({ key }) => key));
  const gone = Object.keys(unread).filter((name) => known.has(name.slice(name.indexOf(" ") + 1)) && !there.has(name));
  const bytes = gone.reduce((sum, name) => sum + (unread[name] ?? 0), 0);
  for (const name of gone) delete unread[name];
  return bytes;
}

function nameOf(key: string, file: number): string {
  return `${file} ${key}`;
}

/** What has been read is not lost when its file goes. */
function forgetRead({ key, files }: LogStream, { cursor, unread }: Place, now: LogPosition | undefined): void {
  if (now === undefined) return;
  const [id, at] = now;
  for (const file of files) {
    const name = nameOf(key, file.id);
    if (file.id !== id) {
      delete unread[name];
      continue;
    }
    const [before, from]: LogPosition = cursor[key] ?? [-1, 0];
    const left = (unread[name] ?? 0) - (before === id ? at - from : at);
    if (left > 0) unread[name] = left;
    else delete unread[name];
    return;
  }
}

function stateOf({ drain }: PumpParts, { sent, droppedBytes, rejected }: Place): DrainState {
  return { id: drain.id, sent, droppedBytes, rejected };
}

async function save({ positionFile }: PumpParts, place: Place): Promise<void> {
  await writeFile(`${positionFile}.new`, JSON.stringify(place), { mode: 0o600 });
  await rename(`${positionFile}.new`, positionFile);
}

function notWritten(error: unknown): NonNullable<DrainState["failing"]> {
  return { since: Date.now(), reason: `how far it has come cannot be written down: ${reasonOf(error)}` };
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const text = error.message === "" ? code || error.name : error.message;
  if (!ofCertificates.test(code)) return text;
  // Behind the semicolon is advice about Node's options.
  return `its certificate is not accepted: ${text.split(";")[0]} (its authority is given with --ca-file)`;
}

/** Codes of OpenSSL's checks, and Node's of the name in it. */
const ofCertificates = /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|ERR_TLS_CERT_)/;
