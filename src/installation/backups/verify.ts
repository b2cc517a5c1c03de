/**
 * Reading all that is in a repository and comparing it with what was written, and then a test restore; what is damaged is
 * named. A cluster without a repository has its snapshots and its log restored as a test.
 */
import type { Asked } from "../../contract/asked.ts";
import type { VerifyRequest } from "../../contract/backups.ts";
import type { Operation } from "../../contract/cluster.ts";
import type { RepositoryNumber } from "../../domain/backup.ts";
import type { Verification } from "../../drivers/pgbackrest/port.ts";
import { problemError } from "../../drivers/pgbackrest/problems.ts";
import { OpError } from "../../errors/op-error.ts";
import { verifyKind } from "../../events/operation-log.ts";
import { follow } from "../changes.ts";
import type { Parts } from "../parts.ts";
import { beginProof, planProof, prove } from "../proof/prove.ts";
import { refuseNoRoom } from "../proof/room.ts";
import { forwardOperation, pathOf } from "./forward.ts";
import { findStanza, hostOfWork, repositoriesOf } from "./stanza.ts";
import { refuseAnother } from "./take.ts";

const namedMax = 5;

/** Also of a cluster that is gone. */
export async function beginVerify(
  parts: Parts,
  name: string,
  request: VerifyRequest,
  asked: Asked,
): Promise<Operation> {
  const spec = parts.runtime.clusters.get(name)?.record.spec.value;
  const { restore: isToRestore, number, here } = request;
  if (spec && !spec.backups && isToRestore && number === undefined) return beginProof(parts, name, { here }, asked);
  const host = spec ? hostOfWork(parts, name) : undefined;
  if (host !== undefined)
    return await forwardOperation(parts, { host, path: pathOf(name, "/verify"), body: request }, asked);
  const found = await findStanza(parts, name);
  const numbers = repositoriesOf(found, request.number).map(({ number }) => number);
  refuseAnother(parts, name);
  const step = `reading repository ${numbers.join(" and ")}`;
  const operation = parts.operations.begin({
    kind: verifyKind,
    cluster: name,
    by: asked.by,
    step,
    stepsTotal: numbers.length,
  });
  const { id } = operation;
  return follow(parts, operation, async () => {
    const results: Verification[] = [];
    for (const number of numbers) {
      parts.operations.step(id, `reading repository ${number}`, results.length);
      results.push(await verifyOne(parts, name, number));
    }
    const read = conclude(parts, name, results, asked);
    return spec && isToRestore ? { ...read, ...(await restoreToo(parts, name, id, asked)) } : read;
  });
}

/** Where there is nothing to restore it from here, or it is restored just now, what was read has to do. */
async function restoreToo(parts: Parts, name: string, id: string, { by }: Asked) {
  try {
    const plan = await planProof(parts, name);
    await refuseNoRoom(parts, plan.bytes);
    return await prove(parts, { name, plan, id, by });
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    if (error.code === "busy") return { not_restored: error.message };
    if (error.code !== "restore-out-of-window") throw error;
    return { not_restored: "there is no snapshot on this host to begin with" };
  }
}

async function verifyOne(parts: Parts, name: string, number: RepositoryNumber): Promise<Verification> {
  const { driver } = await findStanza(parts, name);
  const look = (await driver.look()).find((one) => one.number === number);
  if (!look || look.problem) throw problemError(look?.problem ?? { kind: "other", text: "it says nothing" });
  const archives = look.databases.map(({ archive }) => archive);
  const result = await driver.verify(number, archives);
  const at = parts.clock.wallNow();
  for (const { label, isGood } of result.backups) {
    // One that was restored for a proof has more than this to say for itself.
    const before = look.backups.find((backup) => backup.label === label)?.proof;
    if (isGood && before?.how === "restored" && before.isGood) continue;
    await driver.annotate(number, label, { proof: { at, how: "verified", isGood } });
  }
  return result;
}

function conclude(parts: Parts, name: string, results: readonly Verification[], { by }: Asked) {
  const about = { cluster: name, actor: by };
  for (const { repository, backups, damaged, segments } of results) {
    const bad = backups.filter(({ isGood }) => !isGood).map(({ label }) => label);
    const count = { repository, backups: backups.length, segments };
    if (damaged.length === 0 && bad.length === 0) parts.events.emit("backup.verified", about, count);
    else
      parts.events.emit("backup.damaged", about, {
        repository,
        backups: bad.join(", "),
        damaged: damaged.slice(0, namedMax).join("; "),
      });
  }
  const damaged = results.flatMap((result) => result.damaged);
  const bad = results.flatMap(({ backups }) => backups.filter(({ isGood }) => !isGood).map(({ label }) => label));
  if (damaged.length === 0 && bad.length === 0)
    return {
      message: "everything is as it was written",
      backups: results.reduce((sum, { backups }) => sum + backups.length, 0),
      segments: results.reduce((sum, { segments }) => sum + segments, 0),
    };
  throw new OpError("backup-damaged", {
    message: bad.length === 0 ? "the log in the repository is damaged" : `damaged: ${bad.join(", ")}`,
    detail: damaged.slice(0, namedMax * 2).join("; "),
    hint: `Take a new full one now: matriarch backup create ${name} --type full`,
  });
}
