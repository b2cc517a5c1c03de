/** `logs`: the newest lines of the members' log files, wherever they are, and what is written from now on. */
import { setTimeout as sleep } from "node:timers/promises";

import type { LogLine, LogLines } from "../contract/logs.ts";
import { OpError } from "../errors/op-error.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";

interface Wanted {
  readonly cluster: string;
  readonly member: string | undefined;
  readonly lines: number;
  readonly follow: boolean;
}

const lookEveryMs = 300;

export async function showLogs(context: CommandContext, wanted: Wanted): Promise<Outcome | undefined> {
  const { cluster, member, lines: count } = wanted;
  const first = await (await context.client()).logs(cluster, { member, lines: count });
  noteMissing(context, first);
  const render = ({ member: from, line }: LogLine) =>
    member === undefined && hasSeveral(first) ? `${from}  ${line}` : line;
  if (!wanted.follow) return { json: first.lines, text: () => first.lines.map(render).join("\n") };
  for (const line of first.lines) context.writeLine(line, () => render(line));
  await follow(context, wanted, first, (line) => context.writeLine(line, () => render(line)));
  return undefined;
}

/** Whose a line is need not be said when there is only one member. */
function hasSeveral({ cursor, missing }: LogLines): boolean {
  const members = new Set(Object.keys(cursor).map((key) => key.slice(0, key.indexOf(" "))));
  return members.size + missing.length > 1;
}

async function follow(
  context: CommandContext,
  { cluster, member }: Wanted,
  first: LogLines,
  tell: (line: LogLine) => void,
): Promise<void> {
  const { signal, release } = listenForInterrupt();
  let { cursor } = first;
  let missing = missingNames(first);
  try {
    while (!signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal });
      const next = await look(context, cluster, { member, cursor: JSON.stringify(cursor) });
      if (next === undefined) continue;
      for (const line of next.lines) tell(line);
      cursor = { ...cursor, ...next.cursor };
      if (missingNames(next) !== missing) noteMissing(context, next);
      missing = missingNames(next);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    release();
  }
}

/** @returns undefined when the agent does not answer for a while */
async function look(
  context: CommandContext,
  cluster: string,
  query: { readonly member: string | undefined; readonly cursor: string },
): Promise<LogLines | undefined> {
  try {
    return await (await context.client()).logs(cluster, query);
  } catch (error) {
    if (!(error instanceof OpError && error.code === "agent-unreachable")) throw error;
    context.note("the agent does not answer; trying again");
    return undefined;
  }
}

function missingNames({ missing }: LogLines): string {
  return missing.map(({ host }) => host).join(" ");
}

function noteMissing(context: CommandContext, { missing }: LogLines): void {
  for (const { host, reason } of missing) context.note(`without the logs on host "${host}": ${reason}`);
}
