/**
 * `status --watch`: on a terminal the picture is redrawn in place, elsewhere each change is a line. Goes on across
 * restarts of the agent, until Ctrl-C.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterStatus } from "../contract/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { CommandContext } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";
import { createScreen, type Screen } from "./output/screen.ts";
import { renderStatus, renderStatusLine } from "./output/status.ts";

const retryMs = 500;

export async function watchStatus(context: CommandContext, cluster: string): Promise<void> {
  const { signal, release } = listenForInterrupt();
  const screen = process.stdout.isTTY && !context.flags.json ? createScreen(process.stdout) : undefined;
  try {
    while (!signal.aborted) {
      await watchOnce(context, cluster, screen, signal);
      if (!signal.aborted) await sleep(retryMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen?.close();
    release();
  }
}

async function watchOnce(
  context: CommandContext,
  cluster: string,
  screen: Screen | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    const client = await context.client();
    for await (const status of client.watchStatus(cluster, signal)) show(context, status, screen);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof OpError && error.code === "agent-unreachable")) throw error;
    if (screen) screen.foot("The agent does not answer; trying again.");
    else context.note("the agent does not answer; trying again");
  }
}

let lastLine = "";

function show(context: CommandContext, status: ClusterStatus, screen: Screen | undefined): void {
  if (screen) return screen.draw(renderStatus(status, context.paintFor(process.stdout)));
  const line = renderStatusLine(status);
  // What differs only in its time, or in positions that move all the time, is no change to tell.
  const told = line.slice(line.indexOf("  "));
  if (!context.flags.json && told === lastLine) return;
  lastLine = told;
  context.writeLine(status, () => line);
}
