/**
 * The recording client, in a process of its own so that it can live in a namespace of its own. Started by recorder.ts;
 * told what to do over its channel, and ends with it. Times it tells are of CLOCK_MONOTONIC, which all processes share.
 */
import type { ClientConfig } from "pg";
import { prepareTable, readRows, recordWrites, type WriteRecorder } from "../../checker/record-writer.ts";
import type { Write } from "../../checker/history.ts";
import type { Answer, Command } from "./recorder.ts";
import { watch, type Watcher } from "./watcher.ts";

/** Added to performance.now() gives CLOCK_MONOTONIC. */
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const recorders = new Map<string, WriteRecorder>();
let watcher: Watcher | undefined;

process.on("message", (command: Command) => {
  obey(command).then(
    (value) => answer({ id: command.id, ok: true, value }),
    (error: unknown) =>
      answer({ id: command.id, ok: false, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

function answer(message: Answer): void {
  process.send?.(message);
}

async function obey(command: Command): Promise<unknown> {
  switch (command.kind) {
    case "prepare":
      return prepareTable(command.target, command.table);
    case "rows":
      return readRows(command.target, command.table);
    case "start":
      return start(command.writers, command.table, command.patienceMs, command.pauseMs);
    case "acknowledged":
      return acknowledged(command.writer, command.count, command.withinMs);
    case "last":
      return last(command.writer);
    case "watch":
      watcher = await watch(command.plan, () => performance.now() + offset);
      return undefined;
    case "unwatch":
      return watcher?.stop();
    case "stop":
      return stop();
  }
}

/** One connection for each named list of targets. */
function start(
  writers: Readonly<Record<string, readonly ClientConfig[]>>,
  table: string,
  patienceMs: number,
  pauseMs: number,
): void {
  for (const [name, targets] of Object.entries(writers))
    recorders.set(name, recordWrites({ targets, table, connections: 1, patienceMs, pauseMs }));
}

async function acknowledged(writer: string | undefined, count: number, withinMs: number): Promise<void> {
  if (writer !== undefined) return recorderOf(writer).acknowledged(count, withinMs);
  await Promise.any([...recorders.values()].map((recorder) => recorder.acknowledged(count, withinMs))).catch(
    (error: unknown) => {
      throw error instanceof AggregateError ? error.errors[0] : error;
    },
  );
}

/** When the newest acknowledgement came. */
function last(writer: string | undefined): number | null {
  const asked = writer === undefined ? [...recorders.values()] : [recorderOf(writer)];
  const ends = asked.map(({ history }) => history.findLast(({ outcome }) => outcome === "acknowledged")?.endedAt);
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? null : Math.max(...known) + offset;
}

function recorderOf(name: string): WriteRecorder {
  const recorder = recorders.get(name);
  if (!recorder) throw new Error(`there is no writer "${name}"`);
  return recorder;
}

async function stop(): Promise<Readonly<Record<string, readonly Write[]>>> {
  const stopped = await Promise.all(
    [...recorders].map(async ([name, recorder]) => [name, await recorder.stop()] as const),
  );
  recorders.clear();
  const shift = (write: Write): Write => ({ ...write, sentAt: write.sentAt + offset, endedAt: write.endedAt + offset });
  return Object.fromEntries(stopped.map(([name, history]) => [name, history.map(shift)]));
}
