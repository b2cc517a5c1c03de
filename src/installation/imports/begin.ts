/** An import is checked, begun and carried to its end, or undone. The rest of this folder is its steps. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../../contract/asked.ts";
import type { ImportChecks, ImportWish } from "../../contract/imports.ts";
import { sourceName } from "../../drivers/postgres/import/source.ts";
import { readMarks, undoImport } from "../../drivers/postgres/import/target.ts";
import { installToolsCommand } from "../../drivers/postgres/import/tools.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { changeOnPrimary, lookOnPrimary, primaryTarget } from "../accounts/primary.ts";
import { refuseWithoutStore, type Parts } from "../parts.ts";
import { judge } from "./checks.ts";
import { copyDatabase } from "./copy.ts";
import { dismissPrimary } from "./care.ts";
import { awake } from "../awake.ts";
import { forward, hostOfPrimary } from "./forward.ts";
import { leaveSource } from "./leave-source.ts";
import { beginLive } from "./live.ts";
import { majorOf, prepare, type Prepared } from "./prepare.ts";
import { PrimaryEnds } from "./primary-ends.ts";
import { forget, register } from "./running.ts";
import type { Ready, Work } from "./work.ts";

/** A failover takes seconds, a server that ran out of room as long as nobody makes some. */
const undoMs = 5 * 60_000;
const undoAgainMs = 500;

export async function checkImport(parts: Parts, cluster: string, wish: ImportWish): Promise<ImportChecks> {
  return (await checked(parts, cluster, wish)).result;
}

async function checked(parts: Parts, cluster: string, wish: ImportWish) {
  const prepared = await prepare(parts, cluster, wish);
  const major = prepared.source ? majorOf(prepared.source.versionNumber) : prepared.target.major;
  const checks = judge(prepared, await installToolsCommand(major));
  const result: ImportChecks = { ok: checks.every(({ outcome }) => outcome !== "failed"), checks: [...checks] };
  return { prepared, result };
}

export async function beginImport(
  parts: Parts,
  cluster: string,
  wish: ImportWish,
  { by }: Asked,
): Promise<OperationRecord> {
  refuseWithoutStore(parts);
  await awake(parts, cluster, { by });
  const host = wish.live ? hostOfPrimary(parts, cluster) : undefined;
  if (host !== undefined) return forward(parts, { host, cluster, verb: "", body: wish }, { by });
  const { prepared, result } = await checked(parts, cluster, wish);
  if (!result.ok || !isReady(prepared)) throw refused(result);
  const step = "making the database";
  const operation = parts.operations.begin({ kind: "import", cluster, by, stepsTotal: 6, step, exclusive: true });
  void carryOut(parts, prepared, operation);
  return operation;
}

function isReady(prepared: Prepared): prepared is Ready {
  return prepared.source !== undefined && prepared.tools !== undefined;
}

function refused({ checks }: ImportChecks): OpError {
  const bad = checks.filter(({ outcome }) => outcome === "failed");
  return new OpError("import-refused", {
    message: bad.length === 1 ? "a check before the import failed" : `${bad.length} checks before the import failed`,
    detail: bad.map(({ name, text, hint }) => `${name}: ${text}.${hint === undefined ? "" : ` ${hint}`}`).join("\n"),
    hint: "Nothing was changed. See all checks with --check.",
  });
}

async function carryOut(parts: Parts, ready: Ready, operation: OperationRecord): Promise<void> {
  const { cluster, database, wish, server } = ready;
  const about = { cluster, actor: operation.by };
  const directory = join(parts.home, "imports", operation.id);
  const signal = register(operation.id, parts.signal);
  const step = (text: string, done?: number): void => void parts.operations.step(operation.id, text, done);
  const from = sourceName(server);
  using ends = new PrimaryEnds(parts, cluster);
  try {
    parts.events.emit("import.started", about, { database, source: from, live: wish.live });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const work: Work = { parts, ready, operation, directory, signal, step };
    const figures = await (wish.live ? beginLive(work) : copyDatabase(work));
    const type = wish.live ? "import.following" : "import.done";
    parts.events.emit(type, about, { database, source: from, tables: ready.source.tables.length });
    parts.operations.finish(operation.id, { state: "done", step: "done", result: figures });
  } catch (error) {
    // The next agent of this host undoes it.
    if (parts.signal.aborted) return;
    await endFailed(parts, operation, { database, error: signal.aborted ? undefined : error, ends });
  } finally {
    forget(operation.id);
    await rm(directory, { recursive: true, force: true });
  }
}

interface Failure {
  readonly database: string | undefined;
  /** undefined: somebody gave it up */
  readonly error: unknown;
  readonly ends: PrimaryEnds;
}

export async function endFailed(
  parts: Parts,
  operation: OperationRecord,
  { database, error, ends }: Failure,
): Promise<void> {
  const { cluster, id, by } = operation;
  parts.operations.step(id, "undoing what was imported");
  const left = await undo(parts, cluster, id);
  const { lastWords } = ends;
  const outcome =
    left === undefined
      ? "What it had made is gone; the source is as it was."
      : `It could not be undone: ${left} Give it up with: matriarch import abandon ${cluster}`;
  const undone = lastWords === undefined ? outcome : `The primary's last words: ${lastWords}.\n${outcome}`;
  const reason = error === undefined ? "given up" : messageOf(error);
  if (error !== undefined && !(error instanceof OpError)) parts.log.error("import failed", { cluster, error });
  parts.events.emit(
    "import.failed",
    { cluster, actor: by },
    { database: database ?? "", reason, undone: left === undefined },
  );
  const told = asTold(error, undone);
  parts.operations.finish(id, { state: error === undefined ? "cancelled" : "failed", error: told });
}

function asTold(error: unknown, undone: string): OpError {
  if (!(error instanceof OpError)) {
    const message = error === undefined ? "the import was given up" : `the import failed: ${messageOf(error)}`;
    return new OpError("import-failed", { message, detail: undone });
  }
  const { code, message, detail, hint } = error;
  const all = detail === undefined ? undone : `${detail}\n${undone}`;
  return new OpError(code, { message, detail: all, ...(hint === undefined ? {} : { hint }) });
}

/**
 * What ended the import may have ended the primary too, or filled its disk: it is waited for.
 * @returns why something of it is still there
 */
async function undo(parts: Parts, cluster: string, id: string): Promise<string | undefined> {
  const until = performance.now() + undoMs;
  for (;;) {
    try {
      return await undoOf(parts, cluster, id);
    } catch (error) {
      if (performance.now() > until || parts.signal.aborted)
        return error instanceof Error ? `${error.message}.` : String(error);
      await sleep(undoAgainMs, undefined, { signal: parts.signal }).catch(() => undefined);
    }
  }
}

/** @returns undefined when nothing of it is left; else why something is */
async function undoOf(parts: Parts, cluster: string, id: string): Promise<string | undefined> {
  const marks = await lookOnPrimary(parts, cluster, readMarks);
  const [found] = [...marks].filter(([, { id: other }]) => other === id);
  if (!found) return undefined;
  const [database, mark] = found;
  const left = await leaveSource(parts, cluster, { target: await primaryTarget(parts, cluster), database, mark });
  await dismissPrimary(parts, cluster, mark);
  await changeOnPrimary(parts, cluster, (admin) => undoImport(admin, database, mark));
  return left === undefined ? undefined : `the source could not be reached; type there: ${left}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}
