/** `logs`: the newest lines of the logs, wherever they are written, and what is written from now on. */
import { setTimeout as sleep } from "node:timers/promises";

import type { LogLine, LogLines } from "../contract/logs.ts";
import { OpError } from "../errors/op-error.ts";
import type { Client } from "./client/client.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";
import { renderLog } from "./output/logs.ts";

interface Query {
  readonly member?: string | undefined;
  readonly process?: LogLine["process"] | undefined;
  readonly level?: LogLine["level"] | undefined;
  readonly grep?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly limit: number;
}

interface Wanted {
  readonly cluster: string | undefined;
  readonly agent: boolean;
  readonly follow: boolean;
  readonly query: Query;
}

const lookEveryMs = 300;

export async function showLogs(context: CommandContext, wanted: Wanted): Promise<Outcome | undefined> {
  refuseBoth(wanted);
  const first = await ask(await context.client(), wanted.cluster, wanted.query);
  noteMissing(context, first);
  if (!wanted.follow)
    return { json: first.lines, text: (paint) => first.lines.map((line) => renderLog(line, paint)).join("\n") };
  const tell = (line: LogLine): void => context.writeLine(line, (paint) => renderLog(line, paint));
  for (const line of first.lines) tell(line);
  await follow(context, wanted, first, tell);
  return undefined;
}

/** @throws OpError usage */
function refuseBoth({ cluster, agent, follow, query }: Wanted): void {
  if ((cluster === undefined) !== agent)
    throw new OpError("usage", {
      message: agent ? "--agent is for the hosts' processes, and goes with no cluster" : "whose logs?",
      hint: "Name a cluster, or ask for the hosts' processes with --agent.",
    });
  if (agent && query.member !== undefined)
    throw new OpError("usage", { message: "--member goes with a cluster, and not with --agent" });
  if (follow && query.until !== undefined)
    throw new OpError("usage", { message: "--follow has no end, so --until does not go with it" });
}

async function ask(client: Client, cluster: string | undefined, query: Asked): Promise<LogLines> {
  return cluster === undefined ? client.agentLogs(query) : client.logs(cluster, query);
}
type Asked = Partial<Query> & { readonly cursor?: string };

async function follow(
  context: CommandContext,
  { cluster, query }: Wanted,
  first: LogLines,
  tell: (line: LogLine) => void,
): Promise<void> {
  const { signal, release } = listenForInterrupt();
  const { limit: _, ...filter } = query;
  let { cursor } = first;
  let missing = missingNames(first);
  let hasMore = false;
  let isAway = false;
  try {
    while (!signal.aborted) {
      if (!hasMore) await sleep(lookEveryMs, undefined, { signal });
      const next = await look(context, cluster, { ...filter, cursor: JSON.stringify(cursor) });
      hasMore = next?.has_more ?? false;
      if (next === undefined && !isAway) context.note("the agent does not answer; trying again");
      isAway = next === undefined;
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

/** @returns undefined when the agent does not answer, or is just ending */
async function look(context: CommandContext, cluster: string | undefined, asked: Asked): Promise<LogLines | undefined> {
  try {
    return await ask(await context.clientAgain(), cluster, asked);
  } catch (error) {
    if (error instanceof OpError && mayComeBack.has(error.code)) return undefined;
    throw error;
  }
}

const mayComeBack: ReadonlySet<string> = new Set(["agent-unreachable", "interrupted", "store-unavailable"]);

function missingNames({ missing }: LogLines): string {
  return missing.map(({ host }) => host).join(" ");
}

function noteMissing(context: CommandContext, { missing }: LogLines): void {
  for (const { host, reason } of missing) context.note(`without the logs on host "${host}": ${reason}`);
}
