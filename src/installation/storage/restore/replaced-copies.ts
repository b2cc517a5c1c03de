/**
 * What a host has of the standbys that a restore in place replaced: copies of what the member that wrote last has. While
 * that one's host has not made its snapshot they stay, for they may be all that is left (I9); once it has they go, from where
 * they lay or were put aside meanwhile. Safe to repeat.
 */
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClusterRecord, MemberRecord } from "../../../domain/cluster.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import { readCluster } from "../../../drivers/store/records.ts";
import type { Parts } from "../../parts.ts";
import { asideDirectory, endServerIn, isPutAside } from "../../placement/orphans.ts";
import type { InPlaceJournal } from "./journal.ts";
import { replacedHere } from "./swap.ts";

export async function removeCopiesHere(parts: Parts, journal: InPlaceJournal, snapshot: string): Promise<void> {
  for (const { member, volume } of await copiesHere(parts, journal)) {
    await endServerIn(join(volume, "data"));
    await parts.servers.pool.remove(volume);
    // It was told where it is kept.
    if (dirname(volume) === asideDirectory(parts))
      parts.events.emit(
        "restore.copy-removed",
        { cluster: journal.before.name, member },
        { kept_as: volume, snapshot },
      );
  }
}

interface Copy {
  readonly member: string;
  readonly volume: string;
}

export async function copiesHere(parts: Parts, journal: InPlaceJournal): Promise<readonly Copy[]> {
  const record = await readCluster(parts.store, journal.before.name);
  const aside = await readdir(asideDirectory(parts)).catch(() => []);
  const found: Copy[] = [];
  for (const member of replacedHere(parts, journal)) {
    if (member.id === journal.holder) continue;
    const left = aside.filter((name) => isPutAside(name, member.id)).map((name) => join(asideDirectory(parts), name));
    for (const volume of [dirname(member.dataDirectory), ...left])
      if (await isLeftOf(record, journal, { id: member.id, dataDirectory: join(volume, "data") }))
        found.push({ member: member.id, volume });
  }
  return found;
}

/**
 * Its data is there, and of the cluster that was replaced: a cluster of the same name that came later may have members
 * of the same names.
 */
export async function isLeftOf(
  record: ClusterRecord | undefined,
  { before }: InPlaceJournal,
  { id, dataDirectory }: Pick<MemberRecord, "id" | "dataDirectory">,
): Promise<boolean> {
  if (record?.members[id]) return false;
  const control = await readControl(dataDirectory).catch(() => undefined);
  return control !== undefined && String(control.systemIdentifier) === before.systemIdentifier;
}
