/**
 * Taking a backup: pgBackRest does it, in a process of its own that outlives this agent. The next agent finds it by the
 * operation's id, which stands in its arguments and in the backup, and follows it to its end. After it, what is not to
 * be kept any longer goes.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Asked } from "../../contract/asked.ts";
import type { TakeBackupRequest } from "../../contract/backups.ts";
import type { Operation } from "../../contract/cluster.ts";
import {
  expiredFulls,
  fullsWithLog,
  type Backup,
  type BackupKind,
  type Repository,
  type RepositoryNumber,
} from "../../domain/backup.ts";
import { runDirectory } from "../../drivers/pgbackrest/places.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { behindSince } from "../../drivers/pgbackrest/push.ts";
import { OpError } from "../../errors/op-error.ts";
import { backupKind, verifyKind } from "../../events/operation-log.ts";
import { awake } from "../awake.ts";
import { follow } from "../changes.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { askServer } from "./ask-server.ts";
import { fillLog } from "./fill.ts";
import { forwardOperation, pathOf } from "./forward.ts";
import { enableKind } from "./kinds.ts";
import { membersToRead } from "./members.ts";
import { packSpec } from "./packed-spec.ts";
import { findStanza, hostOfWork, repositoriesOf, type Found } from "./stanza.ts";

export async function beginBackup(
  parts: Parts,
  name: string,
  request: TakeBackupRequest,
  { by }: Asked,
): Promise<Operation> {
  clusterOf(parts, name);
  await awake(parts, name, { by });
  const host = hostOfWork(parts, name);
  if (host !== undefined)
    return await forwardOperation(parts, { host, path: pathOf(name, "/take"), body: request }, { by });
  const found = await findStanza(parts, name);
  const repositories = repositoriesOf(found, request.number);
  refuseAnother(parts, name);
  membersToRead(parts, name);
  const step = "asking for the members to read";
  const operation = parts.operations.begin({
    kind: backupKind,
    cluster: name,
    by,
    step,
    stepsTotal: repositories.length,
  });
  const kind = request.kind ?? found.wish.policy.between;
  return follow(parts, operation, () => takeNow(parts, name, { repositories, kind, id: operation.id, by }));
}

const checkpointMs = 600_000;

interface Taking {
  readonly repositories: readonly Repository[];
  readonly kind: BackupKind;
  /** of the operation */
  readonly id: string;
  readonly by: string;
}

/** One repository after the other; one that cannot be used does not keep the other from its backup. */
export async function takeNow(parts: Parts, name: string, { repositories, kind, id, by }: Taking) {
  const taken: Backup[] = [];
  const failures: unknown[] = [];
  for (const { number } of repositories) {
    const found = await findStanza(parts, name);
    try {
      const members = membersToRead(parts, name);
      const from = members.at(-1)?.id ?? "";
      const [primary] = members;
      // A server that was promoted says so in its control file only after its first checkpoint; one is needed anyway.
      if (primary) await askServer(parts, primary, "CHECKPOINT", checkpointMs);
      // The log that the backup needs is waited for: also where it had gone on without this repository.
      const isLeft = primary && (await behindSince(primary.dataDirectory, number)) !== undefined;
      if (isLeft) await fillLog(parts, found, await looksOf(found, number));
      const spec = packSpec(clusterOf(parts, name).record.spec.value);
      const { pid } = await found.driver.take({ repository: number, kind, members, operation: id, spec });
      await noteRunning(parts, name, { id, pid, number });
      parts.operations.step(id, `copying "${from}" to repository ${number}`, taken.length);
      taken.push(await followOne(parts, found, { id, pid, number, by }));
    } catch (error) {
      if (parts.signal.aborted) throw error;
      tellFailed(parts, name, number, { by, error });
      failures.push(error);
    }
  }
  const [failure] = failures;
  if (failure instanceof Error) throw failure;
  return resultOf(taken);
}

async function looksOf({ driver }: Found, number: RepositoryNumber): Promise<readonly RepositoryLook[]> {
  return (await driver.look()).filter((look) => look.number === number && look.problem === undefined);
}

export interface Running {
  readonly id: string;
  readonly pid: number;
  readonly number: Repository["number"];
}

/** To its end, whoever began it. */
export async function followOne(
  parts: Parts,
  found: Found,
  { id, pid, number, by }: Running & { readonly by: string },
): Promise<Backup> {
  const { name, driver } = found;
  await driver.followTaken({ pid, operation: id }, (done) =>
    parts.operations.step(id, `copying to repository ${number}: ${Math.floor(done * 100)} %`, 0),
  );
  await rm(runningFile(parts, name, id), { force: true });
  const [look] = (await driver.look()).filter((one) => one.number === number);
  const backup = look?.backups.findLast(({ operation }) => operation === id);
  if (!look || !backup)
    throw new OpError("backup-failed", { message: `repository ${number} does not show the backup that was taken` });
  const { label, kind, bytes, ownBytes } = backup;
  const fields = { backup: label, kind, repository: number, size_bytes: bytes, own_bytes: ownBytes };
  parts.events.emit(
    "backup.taken",
    { cluster: name, actor: by, durationMs: backup.endedAt - backup.startedAt },
    fields,
  );
  await expire(parts, found, number, look.backups).catch((error: unknown) =>
    parts.log.warn("old backups were not removed", { cluster: name, error }),
  );
  return backup;
}

/** What is locked, and what is needed for the days that are to be restorable, stays. */
async function expire(
  parts: Parts,
  { name, wish, systemIdentifier, driver }: Found,
  number: Repository["number"],
  all: readonly Backup[],
) {
  const own = all.filter((backup) => backup.systemIdentifier === systemIdentifier);
  const now = parts.clock.wallNow();
  const labels = expiredFulls(own, wish.policy, now);
  await driver.expire(number, labels, fullsWithLog(own, wish.policy, now));
  if (labels.length > 0)
    parts.events.emit("backup.expired", { cluster: name }, { repository: number, backups: labels.join(", ") });
}

export function tellFailed(
  parts: Parts,
  name: string,
  repository: number,
  { by, error }: { readonly by: string; readonly error: unknown },
): void {
  const reason = error instanceof Error ? error.message : String(error);
  parts.events.emit("backup.failed", { cluster: name, actor: by }, { repository, reason });
}

export function resultOf(taken: readonly Backup[]): Readonly<Record<string, unknown>> {
  const [first] = taken;
  if (!first) return {};
  return {
    message: taken.map(({ label }) => label).join(", "),
    kind: first.kind,
    size_bytes: first.bytes,
    stored_bytes: first.ownBytes,
  };
}

export function refuseAnother({ operations }: Parts, name: string): void {
  const kinds = [backupKind, enableKind, verifyKind];
  const other = operations.underWay(name).find(({ kind }) => kinds.includes(kind));
  if (!other) return;
  throw new OpError("busy", {
    message: `${other.kind} of "${name}" is under way already`,
    detail: `It was begun by "${other.by}" and is at: ${other.step}.`,
    hint: "Wait for its end and try again.",
  });
}

function runningFile(parts: Pick<Parts, "home">, name: string, id: string): string {
  return join(runDirectory(parts, name), `${id}.pid`);
}

async function noteRunning(parts: Pick<Parts, "home">, name: string, { id, pid, number }: Running): Promise<void> {
  await writeFile(runningFile(parts, name, id), `${pid} ${number}\n`, { mode: 0o600 });
}

export async function readRunning(parts: Pick<Parts, "home">, name: string, id: string): Promise<Running | undefined> {
  const text = await readFile(runningFile(parts, name, id), "utf8").catch(() => "");
  const [pid, number] = text.trim().split(" ").map(Number);
  if (!pid || (number !== 1 && number !== 2)) return undefined;
  return { id, pid, number };
}
