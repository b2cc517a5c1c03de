/** The servers that a backup is made of: the primary, and of a standby on its host the data is read. */
import { OpError } from "../../errors/op-error.ts";
import type { BackupMember } from "../../drivers/pgbackrest/port.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { chooseMember } from "../storage/snapshots/choose.ts";
import { backupMember } from "./stanza.ts";

/** @throws OpError no-candidate when the primary does not serve */
export function primaryMember(parts: Parts, name: string): readonly BackupMember[] {
  const cluster = clusterOf(parts, name);
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (record && isHere(parts, record)) return [backupMember(parts, record)];
  throw new OpError("no-candidate", {
    message: `cluster "${name}" has no primary on this host that serves now`,
    hint: `See: matriarch explain ${name}`,
  });
}

/** The primary first. pgBackRest reads a standby's files where it finds it caught up, and begins and ends on the primary. */
export function membersToRead(parts: Parts, name: string): readonly BackupMember[] {
  const primary = primaryMember(parts, name);
  const chosen = chooseMember(clusterOf(parts, name), undefined, (member) => isHere(parts, member));
  const isUsable = chosen.role === "standby" && chosen.state === "running" && isHere(parts, chosen.member);
  return isUsable ? [...primary, backupMember(parts, chosen.member)] : primary;
}
