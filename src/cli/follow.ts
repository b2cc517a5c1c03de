/**
 * Follows an operation to its end: progress on stderr, across restarts of the agent. Ctrl-C ends the following and not
 * the operation. Called by every command that changes something for longer than a moment.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Operation } from "../contract/cluster.ts";
import { errorCatalog, type ErrorCode } from "../errors/catalog.ts";
import { OpError } from "../errors/op-error.ts";
import type { CommandContext } from "./context.ts";
import type { Progress } from "./output/progress.ts";

/** How long the agent may be away before the outcome is called unknown. */
const awayMs = 30_000;
const retryMs = 250;

/** @returns the operation, done. @throws OpError as it failed; interrupted when it goes on without us */
export async function follow(context: CommandContext, begun: Operation): Promise<Operation> {
  const progress = context.progress();
  const { signal, release } = listenForInterrupt();
  let done = false;
  try {
    progress.step(begun.step);
    const ended = begun.state === "running" ? await watch(context, begun, progress, signal) : begun;
    if (ended.state !== "done") throw failureOf(ended);
    done = true;
    return ended;
  } catch (error) {
    throw signal.aborted ? goesOn(begun) : error;
  } finally {
    progress.end(done);
    release();
  }
}

async function watch(
  context: CommandContext,
  { id, kind, cluster }: Operation,
  progress: Progress,
  signal: AbortSignal,
): Promise<Operation> {
  let lastHeard = Date.now();
  let problem: unknown;
  while (Date.now() - lastHeard < awayMs) {
    try {
      const client = await context.client();
      for await (const operation of client.watchOperation(id, signal)) {
        lastHeard = Date.now();
        if (operation.state !== "running") return operation;
        progress.step(operation.step);
      }
    } catch (error) {
      if (signal.aborted || !mayComeBack(error)) throw error;
      problem = error;
    }
    await sleep(retryMs, undefined, { signal });
  }
  throw new OpError("interrupted", {
    message: `the agent went away during ${kind} of "${cluster}"`,
    detail: "The change may or may not have happened.",
    hint: `Look with: matriarch status ${cluster}`,
    cause: problem,
  });
}

function mayComeBack(error: unknown): boolean {
  return error instanceof OpError && (error.code === "agent-unreachable" || error.code === "interrupted");
}

function goesOn({ kind, cluster }: Operation): OpError {
  return new OpError("interrupted", {
    message: `${kind} of "${cluster}" goes on without this command`,
    detail: "The agent carries it out, whoever watches.",
    hint: `Follow it with: matriarch ${/^import\b/.test(kind) ? `import status ${cluster}` : `status ${cluster} --watch`}`,
  });
}

function failureOf({ kind, cluster, state, error }: Operation): OpError {
  if (error === null) return new OpError("operation-failed", { message: `${kind} of "${cluster}" was ${state}` });
  const { code, message, detail, hint } = error;
  return new OpError(isErrorCode(code) ? code : "operation-failed", {
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalog, code);
}

/** Ctrl-C as an AbortSignal, until released. A second Ctrl-C ends the process as usual. */
export function listenForInterrupt(): { readonly signal: AbortSignal; readonly release: () => void } {
  const interrupted = new AbortController();
  const abort = () => interrupted.abort();
  process.once("SIGINT", abort);
  return { signal: interrupted.signal, release: () => process.removeListener("SIGINT", abort) };
}
