/**
 * The end of backups in a repository: the log goes there no more. What is in it stays, unless it is asked for with its
 * backups; then nothing of it may be locked.
 */
import type { Asked } from "../../contract/asked.ts";
import type { DisableRequest } from "../../contract/backups.ts";
import type { Operation } from "../../contract/cluster.ts";
import type { BackupWish, Repository } from "../../domain/backup.ts";
import { keepBook, readBook } from "../../drivers/pgbackrest/book.ts";
import { OpError } from "../../errors/op-error.ts";
import { follow } from "../changes.ts";
import { amend, refuseWithoutStore, type Parts } from "../parts.ts";
import { disableKind } from "./kinds.ts";
import { forwardOperation, pathOf } from "./forward.ts";
import { handOut } from "./share.ts";
import { findStanza, hostOfWork, repositoriesOf, type Found } from "./stanza.ts";
import { refuseAnother } from "./take.ts";

export async function beginDisable(
  parts: Parts,
  name: string,
  request: DisableRequest,
  asked: Asked,
): Promise<Operation> {
  // Of an earlier cluster of this name they are only forgotten.
  const exists = parts.runtime.clusters.get(name)?.record.spec.value.backups !== undefined;
  if (exists) refuseWithoutStore(parts);
  const host = exists ? hostOfWork(parts, name) : undefined;
  if (host !== undefined)
    return await forwardOperation(parts, { host, path: pathOf(name, "/disable"), body: request }, asked);
  const found = await findStanza(parts, name);
  const gone = repositoriesOf(found, request.number);
  const kept = found.wish.repositories.filter((one) => !gone.includes(one));
  if (kept.some(({ number }) => number === 2))
    throw new OpError("bad-value", {
      message: "the second repository cannot stay without the first",
      hint: `Disable both: matriarch backup disable ${name}`,
    });
  refuseAnother(parts, name);
  if (request.delete_backups) await refuseLocked(parts, found, gone);
  const operation = parts.operations.begin({
    kind: disableKind,
    cluster: name,
    by: asked.by,
    step: "ending the pushes of the log",
    stepsTotal: 2,
    exclusive: true,
  });
  return follow(parts, operation, async () => {
    await withdraw(parts, found, kept);
    if (request.delete_backups)
      for (const { number } of gone) {
        parts.operations.step(operation.id, `deleting the backups in repository ${number}`, 1);
        await found.driver.remove(number);
      }
    await strike(parts, found, kept);
    for (const { number } of gone)
      parts.events.emit(
        "backup.disabled",
        { cluster: name, actor: asked.by },
        { repository: number, deleted: request.delete_backups },
      );
    return { repositories: gone.map(({ number }) => number), deleted: request.delete_backups };
  });
}

/** From the cluster's spec, so that no member pushes any more. */
async function withdraw(parts: Parts, { name, spec }: Found, kept: readonly Repository[]): Promise<void> {
  if (!spec) return;
  await amend(parts, name, ({ spec: { value: now } }) => {
    const { backups, ...without } = now;
    const left: Partial<{ backups: BackupWish }> =
      backups === undefined || kept.length === 0 ? {} : { backups: { ...backups, repositories: kept } };
    return {
      require: ["spec"],
      write: [{ key: "spec", value: { ...without, ...left, generation: now.generation + 1 } }],
    };
  });
}

async function strike(parts: Parts, { name }: Found, kept: readonly Repository[]): Promise<void> {
  const book = await readBook(parts, name);
  if (!book) return;
  const secrets = book.secrets.filter(({ id }) => kept.some((one) => one.secrets === id));
  const left = { ...book, repositories: kept, secrets };
  await keepBook(parts, left);
  await handOut(parts, left);
}

/** @throws OpError backup-locked */
export async function refuseLocked(
  parts: Parts,
  { name, driver }: Found,
  repositories: readonly Repository[],
): Promise<void> {
  const numbers = new Set(repositories.map(({ number }) => number));
  const now = parts.clock.wallNow();
  const locked = (await driver.look())
    .flatMap(({ backups }) => backups)
    .filter(({ repository, lockedUntil }) => numbers.has(repository) && lockedUntil !== undefined && lockedUntil > now);
  const [first] = locked.toSorted((a, b) => (b.lockedUntil ?? 0) - (a.lockedUntil ?? 0));
  if (!first) return;
  throw new OpError("backup-locked", {
    message: `backup ${first.label} of "${name}" is locked until ${new Date(first.lockedUntil ?? 0).toISOString().slice(0, 10)}`,
    hint: `Unlock it first: matriarch backup unlock ${name} ${first.label}`,
  });
}
