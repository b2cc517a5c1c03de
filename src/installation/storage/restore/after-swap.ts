/**
 * What follows once a cluster is its restored self: what it was becomes a snapshot, which costs nothing, for its files
 * only change their place; the other members' old files go when the restored cluster serves. Safe to repeat from any
 * point: the way on after an agent that ended in the middle.
 */
import { formatMoment } from "../../../contract/moment.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { OperationRecord } from "../../../events/event.ts";
import { awaitPrimary, awaitVoters } from "../../create.ts";
import { clusterOf, type Parts } from "../../parts.ts";
import { keepAsSnapshot } from "./keep-replaced.ts";
import { endJournal, readJournal, type InPlaceJournal } from "./journal.ts";
import { hostOf, keptOf, keptThere, settleOthers, type Kept } from "./replaced.ts";
import { removeCopiesHere } from "./replaced-copies.ts";
import { replacedHere } from "./swap.ts";

/** @returns what is to be said of what it was */
export async function finishInPlace(
  parts: Parts,
  { id, cluster: name, by }: OperationRecord,
  journal: InPlaceJournal,
): Promise<Readonly<Record<string, unknown>>> {
  const holder = replacedHere(parts, journal).find((member) => member.id === journal.holder);
  const own = holder && (await keepAsSnapshot(parts, holder, journal, by));
  await awaitPrimary(parts, name);
  const kept = own ? keptOf(own) : await keptThere(parts, name, journal);
  // Only what is safe elsewhere is removed (I9); while a host does not answer that has it, copies are put aside.
  if (kept) {
    await removeCopiesHere(parts, journal, kept.snapshot);
    await settleOthers(parts, name, journal);
  }
  parts.events.emit("cluster.put-back", { cluster: name, actor: by }, { snapshot: kept?.snapshot ?? null });
  const absent = await awaitOthers(parts, name, id, journal);
  await endJournal(parts, name);
  // Without it nobody would know what the copies are of.
  if (kept) await endJournal(parts, name, "replaced.json");
  return { ...(kept ? keptFigures(name, kept) : awayFigures(name, journal)), ...absent };
}

function keptFigures(name: string, { snapshot, keptUntilMs }: Kept): Readonly<Record<string, unknown>> {
  return {
    as_it_was: `${snapshot}, kept until ${formatMoment(keptUntilMs)}`,
    to_undo: `matriarch restore ${name} --undo`,
  };
}

function awayFigures(name: string, journal: InPlaceJournal): Readonly<Record<string, unknown>> {
  return {
    as_it_was: `on host "${hostOf(journal)}", which does not answer; a snapshot there when it is back`,
    to_undo: `matriarch restore ${name} --undo, when host "${hostOf(journal)}" is back`,
  };
}

/** The standbys are copied anew; one of a host that is away is not waited for. */
async function awaitOthers(
  parts: Parts,
  name: string,
  id: string,
  { others }: InPlaceJournal,
): Promise<Readonly<Record<string, unknown>>> {
  const away = (): readonly MemberRecord[] =>
    others.filter(({ host }) => parts.hosts.self !== undefined && !parts.hosts.isHeard(host));
  await awaitVoters(parts, name, id, () => away().length);
  const absent = away().map((member) => `"${member.id}" on host "${member.host}"`);
  return absent.length === 0 ? {} : { copied_later: `${absent.join(", ")}, which is not heard` };
}

/** The way on after an agent that ended: forward once the cluster is its restored self, back before. */
export async function settle(
  parts: Parts,
  operation: OperationRecord,
  undo: (journal: InPlaceJournal) => Promise<void>,
): Promise<void> {
  const { id, cluster: name } = operation;
  const journal = await readJournal(parts, name);
  const isSwapped = journal && clusterOf(parts, name).record.members[journal.first.id] !== undefined;
  if (isSwapped) {
    const result = await finishInPlace(parts, operation, journal);
    return parts.operations.finish(id, { state: "done", result });
  }
  if (journal) await undo(journal);
  const error = new OpError("interrupted", {
    message: `the agent ended before "${name}" was put back; it is as it was`,
    hint: "Give the command again.",
  });
  parts.operations.finish(id, { state: "failed", error });
}
