/**
 * A restore in place over several hosts: each host of a member that is replaced is told beforehand what it is about, and
 * keeps that. So the one that has the data of the member that wrote last makes a snapshot of it: when the restored
 * cluster serves and it is asked to, or when it comes back and finds that its members are none any more.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { replacedAnswerSchema, type ReplacedAnswer } from "../../../contract/peer.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { keptUntil, type Snapshot } from "../../../domain/snapshot.ts";
import { readCluster } from "../../../drivers/store/records.ts";
import { OpError } from "../../../errors/op-error.ts";
import { isHere, type Parts } from "../../parts.ts";
import { endServerIn } from "../../placement/orphans.ts";
import { keepForItsTime } from "../snapshots/files.ts";
import { otherHosts } from "../snapshots/list.ts";
import { keepJournal, parseJournal, readJournal, type InPlaceJournal } from "./journal.ts";
import { keepAsSnapshot, snapshotOf } from "./keep-replaced.ts";
import { copiesHere, isLeftOf, removeCopiesHere } from "./replaced-copies.ts";
import { replacedHere } from "./swap.ts";

const tellMs = 10_000;
/** A rename, and the end of a log. */
const settleMs = 60_000;

/** The data of before, as a snapshot. */
export interface Kept {
  readonly snapshot: string;
  readonly keptUntilMs: number;
}

export function keptOf(snapshot: Snapshot): Kept {
  return { snapshot: snapshot.id, keptUntilMs: keptUntil(snapshot, undefined) };
}

export function hostOf({ replaced, holder }: InPlaceJournal): string {
  return replaced.find(({ id }) => id === holder)?.host ?? "?";
}

/** Before anything is changed. @throws OpError host-unreachable, or as another agent said it */
export async function tellReplacing(parts: Parts, name: string, journal: InPlaceJournal): Promise<void> {
  await keepJournal(parts, name, journal, "replaced.json");
  await keepEarlier(parts, name);
  for (const host of hostsElsewhere(parts, journal))
    await ask(parts, host, "replacing", { cluster: name, journal }, tellMs);
}

/** @throws OpError bad-value when it is not what this agent knows */
export async function expectReplacing(
  parts: Parts,
  { cluster, journal }: { readonly cluster: string; readonly journal: unknown },
): Promise<void> {
  const read = readOrRefuse(cluster, journal);
  await mkdir(join(parts.clustersDirectory, cluster), { recursive: true });
  await keepJournal(parts, cluster, read, "replaced.json");
  await keepEarlier(parts, cluster);
}

/** Snapshots of before go on being kept for as long as the cluster says now. */
async function keepEarlier(parts: Parts, name: string): Promise<void> {
  const cluster = parts.runtime.clusters.get(name);
  if (cluster) await keepForItsTime(parts, cluster.record.spec.value);
}

function readOrRefuse(cluster: string, told: unknown): InPlaceJournal {
  try {
    return parseJournal(told);
  } catch (error) {
    const message = `what a restore in place of "${cluster}" replaces cannot be read`;
    throw new OpError("bad-value", {
      message,
      hint: "Its agent may be of another version: see matriarch host list.",
      cause: error,
    });
  }
}

/** As the host of the member that wrote last tells; undefined when it does not answer. */
export async function keptThere(parts: Parts, name: string, journal: InPlaceJournal): Promise<Kept | undefined> {
  const { snapshot, kept_until_ms: keptUntilMs } = (await settleOn(parts, name, hostOf(journal))) ?? {};
  return typeof snapshot === "string" && typeof keptUntilMs === "number" ? { snapshot, keptUntilMs } : undefined;
}

export async function settleOthers(parts: Parts, name: string, journal: InPlaceJournal): Promise<void> {
  for (const host of hostsElsewhere(parts, journal)) await settleOn(parts, name, host);
}

/** Before the last one is undone, or another one begun: a host that was away may not have looked yet. */
export async function settleEverywhere(parts: Parts, name: string): Promise<void> {
  await Promise.all([...otherHosts(parts).map((host) => settleOn(parts, name, host)), settleReplaced(parts, name)]);
}

async function settleOn(parts: Parts, name: string, host: string): Promise<ReplacedAnswer | undefined> {
  if (!parts.hosts.isHeard(host)) return undefined;
  try {
    return replacedAnswerSchema.parse(await ask(parts, host, "replaced", { cluster: name }, settleMs));
  } catch (error) {
    parts.log.warn("a host did not tell what it kept of a cluster that was put back", { cluster: name, host, error });
    return undefined;
  }
}

/** The look for members that are left over and the question may come at once: the second gets the first one's answer. */
const underway = new Map<string, Promise<ReplacedAnswer>>();

/**
 * What this host has of the cluster before: asked by the host of the restored one, and looked for now and then. Safe to
 * repeat: until the next restore in place it is known here what the last one replaced.
 */
export function settleReplaced(parts: Parts, name: string): Promise<ReplacedAnswer> {
  const key = join(parts.clustersDirectory, name);
  const begun = underway.get(key) ?? settleHere(parts, name).finally(() => underway.delete(key));
  underway.set(key, begun);
  return begun;
}

async function settleHere(parts: Parts, name: string): Promise<ReplacedAnswer> {
  const { isReplaced, snapshot } = await keepHolder(parts, name);
  if (isReplaced) await removeReplacedCopies(parts, name, snapshot?.id);
  if (!snapshot) return { snapshot: null, kept_until_ms: null };
  return { snapshot: snapshot.id, kept_until_ms: keptOf(snapshot).keptUntilMs };
}

/** Once what they are copies of is safe, as its host says: also when that comes back after long. */
async function removeReplacedCopies(parts: Parts, name: string, own: string | undefined): Promise<void> {
  const journal = await readJournal(parts, name, "replaced.json");
  if (!journal || (await copiesHere(parts, journal)).length === 0) return;
  const isHolderHere = replacedHere(parts, journal).some(({ id }) => id === journal.holder);
  const snapshot = isHolderHere ? own : (await keptThere(parts, name, journal))?.snapshot;
  if (snapshot !== undefined) await removeCopiesHere(parts, journal, snapshot);
}

interface KeptHere {
  readonly isReplaced: boolean;
  readonly snapshot?: Snapshot;
}

async function keepHolder(parts: Parts, name: string): Promise<KeptHere> {
  const journal = await readJournal(parts, name, "replaced.json");
  if (!journal) return { isReplaced: false };
  const record = await readCluster(parts.store, name);
  if (!record || record.spec.value.systemIdentifier === journal.before.systemIdentifier) return { isReplaced: false };
  const holder = replacedHere(parts, journal).find(({ id }) => id === journal.holder);
  if (!holder) return { isReplaced: true };
  if (!(await isLeftOf(record, journal, holder))) return { isReplaced: true, ...(await madeBefore(parts, journal)) };
  await endServerIn(holder.dataDirectory);
  const snapshot = await keepAsSnapshot(parts, holder, journal, "matriarch");
  const fields = { snapshot: snapshot.id, host: holder.host };
  parts.events.emit("restore.kept", { cluster: name, member: holder.id }, fields);
  return { isReplaced: true, snapshot };
}

async function madeBefore(parts: Parts, { before }: InPlaceJournal): Promise<{ readonly snapshot?: Snapshot }> {
  const snapshot = await snapshotOf(parts, before);
  return snapshot ? { snapshot } : {};
}

function hostsElsewhere(parts: Parts, { replaced }: InPlaceJournal): readonly string[] {
  const elsewhere = (member: MemberRecord): boolean => !isHere(parts, member);
  return [...new Set(replaced.filter(elsewhere).map(({ host }) => host))];
}

async function ask(parts: Parts, host: string, what: string, body: object, deadlineMs: number): Promise<unknown> {
  return await parts.hosts.call(host, { method: "POST", path: `/v1/peer/${what}`, body, deadlineMs });
}
