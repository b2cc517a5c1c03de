/** A backup that must not go before a date: the date stands beside it in the repository, and our own expiry heeds it. */
import type { Asked } from "../../contract/asked.ts";
import { backupsSchema, lockMsMax, type Backups, type LockRequest } from "../../contract/backups.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { forward, pathOf } from "./forward.ts";
import { backupOf, showBackups } from "./look.ts";
import { findStanza, hostOfWork } from "./stanza.ts";

export async function lockBackup(
  parts: Parts,
  name: string,
  { label, request }: { readonly label: string; readonly request: LockRequest },
  asked: Asked,
): Promise<Backups> {
  const until = request.until === null ? null : Date.parse(request.until);
  const host = parts.runtime.clusters.has(name) ? hostOfWork(parts, name) : undefined;
  if (host !== undefined) {
    const path = pathOf(name, `/${encodeURIComponent(label)}/lock`);
    return backupsSchema.parse(await forward(parts, { host, path, body: request }, asked));
  }
  const { driver } = await findStanza(parts, name);
  refuseDate(until, parts.clock.wallNow());
  const backups = backupOf(await driver.look(), name, label);
  for (const { repository } of backups) await driver.annotate(repository, label, { lockedUntil: until });
  const about = { cluster: name, actor: asked.by };
  if (until === null) parts.events.emit("backup.unlocked", about, { backup: label });
  else parts.events.emit("backup.locked", about, { backup: label, until: new Date(until).toISOString() });
  return await showBackups(parts, name);
}

function refuseDate(until: number | null, now: number): void {
  if (until === null || (until > now && until <= now + lockMsMax)) return;
  throw new OpError("bad-value", {
    message: until <= now ? "the date is over already" : "the date is more than ten years away",
    hint: "Give --until a day like 2027-01-31.",
  });
}
