/** An import is given up: one that runs is stopped and undone, one that was left or is live is taken away. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../../contract/asked.ts";
import type { AbandonRequest } from "../../contract/imports.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { readMarks, undoImport } from "../../drivers/postgres/import/target.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { changeOnPrimary, lookOnPrimary, primaryTarget } from "../accounts/primary.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { dismissPrimary } from "./care.ts";
import { forward, hostOfPrimary } from "./forward.ts";
import { leaveSource, leaveSourceAlone, readMarksNow } from "./leave-source.ts";
import { giveUp, isRunningHere } from "./running.ts";

const endMs = 120_000;
const lookMs = 100;

export async function abandonImport(
  parts: Parts,
  cluster: string,
  { database: wanted }: AbandonRequest,
  asked: Asked,
): Promise<OperationRecord> {
  clusterOf(parts, cluster);
  // The source must not wait with its log for a cluster that may never come back.
  const marks = await readMarksNow(parts, cluster);
  const [database, mark] = chooseMark(marks, cluster, wanted);
  const running = runningOf(parts, mark.id);
  const elsewhere =
    running && !isRunningHere(mark.id)
      ? hostOfRunning(parts, running)
      : mark.state === "live"
        ? hostOfPrimary(parts, cluster)
        : undefined;
  if (elsewhere !== undefined)
    return forward(parts, { host: elsewhere, cluster, verb: "abandon", body: { database } }, asked);
  const step = running ? "stopping the copy" : "taking away what was imported";
  const begin = { kind: "import abandon", cluster, by: asked.by, step, exclusive: running === undefined };
  const operation = parts.operations.begin(begin);
  void carryOut(parts, operation, { database, mark, running });
  return operation;
}

/** @throws OpError import-refused */
export function chooseMark(
  marks: ReadonlyMap<string, Mark>,
  cluster: string,
  wanted: string | undefined,
): readonly [string, Mark] {
  const found = [...marks].filter(([database]) => wanted === undefined || database === wanted);
  const [first, ...more] = found;
  if (first === undefined)
    throw new OpError("import-refused", {
      message: wanted === undefined ? `no import is under way in cluster "${cluster}"` : `no import fills "${wanted}"`,
      hint: `See: matriarch import status ${cluster}`,
    });
  if (more.length === 0) return first;
  throw new OpError("import-refused", {
    message: "several imports are under way",
    detail: `Into: ${found.map(([database]) => `"${database}"`).join(", ")}.`,
    hint: "Say which with --database.",
  });
}

export function runningOf({ operations }: Parts, id: string): OperationRecord | undefined {
  if (!operations.has(id)) return undefined;
  const operation = operations.get(id);
  return operation.state === "running" ? operation : undefined;
}

/** @throws OpError busy when it is being undone after an agent's end, or nobody carries it out */
function hostOfRunning(parts: Parts, running: OperationRecord): string {
  if (running.host !== null && running.host !== parts.hosts.self?.name) return running.host;
  throw new OpError("busy", { message: "the import is being undone already", hint: "Wait for its end." });
}

interface Abandoned {
  readonly database: string;
  readonly mark: Mark;
  readonly running: OperationRecord | undefined;
}

async function carryOut(parts: Parts, operation: OperationRecord, { database, mark, running }: Abandoned) {
  const { cluster, id, by } = operation;
  try {
    if (running) {
      await awaitEnd(parts, running.id);
      if ((await lookOnPrimary(parts, cluster, readMarks)).has(database)) throw notUndone(cluster);
      parts.operations.finish(id, { state: "done", step: "given up; nothing of it is left" });
      return;
    }
    const target = await primaryTarget(parts, cluster).catch(() => undefined);
    if (target === undefined) throw onlyHere(cluster, await leaveSourceAlone(parts, cluster, mark));
    const left = await leaveSource(parts, cluster, { target, database, mark });
    await dismissPrimary(parts, cluster, mark);
    await changeOnPrimary(parts, cluster, async (admin) => undoImport(admin, database, mark));
    const reason = "given up";
    parts.events.emit("import.failed", { cluster, actor: by }, { database, reason, undone: true });
    const result = left === undefined ? {} : { left_at_the_source: left };
    parts.operations.finish(id, { state: "done", step: "given up", result });
  } catch (error) {
    if (parts.signal.aborted) return;
    parts.log.error("import not abandoned", { cluster, error });
    parts.operations.finish(id, { state: "failed", error });
  }
}

async function awaitEnd(parts: Parts, id: string): Promise<void> {
  giveUp(id);
  const until = performance.now() + endMs;
  while (runningOf(parts, id) !== undefined && performance.now() < until)
    await sleep(lookMs, undefined, { signal: parts.signal });
}

function onlyHere(cluster: string, left: string | undefined): OpError {
  return new OpError("no-primary", {
    message: `cluster "${cluster}" has no primary: what was imported stays until it has one`,
    detail:
      left === undefined ? "The source is as it was before." : `The source could not be reached; type there: ${left}`,
    hint: `Then give the same command again: matriarch import abandon ${cluster}`,
  });
}

function notUndone(cluster: string): OpError {
  return new OpError("import-failed", {
    message: "the import was stopped, and what it had made is not gone yet",
    hint: `Give the same command again: matriarch import abandon ${cluster}`,
  });
}
