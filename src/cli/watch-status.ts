/**
 * `status --watch`: on a terminal the picture is redrawn in place, elsewhere each change is a line. Goes on across
 * restarts of the agent, until Ctrl-C; one that somebody ended it waits for, and does not start.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterStatus } from "../contract/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { Client } from "./client/client.ts";
import { terminalColumns } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";
import { createScreen, type Screen } from "./output/screen.ts";
import { renderStatus, renderStatusLine } from "./output/status.ts";

const retryMs = 500;

export async function watchStatus(context: CommandContext, cluster: string): Promise<void> {
  const { signal, release } = listenForInterrupt();
  const screen = process.stdout.isTTY && !context.flags.json ? createScreen(process.stdout) : undefined;
  let client = (): Promise<Client> => context.client();
  let told = "";
  try {
    while (!signal.aborted) {
      try {
        const found = await client();
        for await (const status of found.watchStatus(cluster, signal)) {
          // Whoever was told of its absence is told that it is back.
          lastLine = told === "" ? lastLine : "";
          told = "";
          show(context, status, screen);
        }
      } catch (error) {
        if (signal.aborted || !isForNow(error)) throw error;
        const words = wordsOf(error).join("\n");
        if (told !== words) tell(context, words, screen);
        told = words;
      }
      client = () => context.clientAgain();
      await sleep(retryMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen?.close();
    release();
  }
}

/** No agent answers, or the cluster is being made and has no status yet. */
function isForNow(error: unknown): error is OpError {
  return error instanceof OpError && (error.code === "agent-unreachable" || error.code === "busy");
}

function wordsOf({ code, message, detail, hint }: OpError): readonly string[] {
  if (code === "busy") return [message, ...(detail === undefined ? [] : [detail])];
  return [`${message}; waiting for it`, ...(hint === undefined ? [] : [hint])];
}

/** Once for each reason. */
function tell(context: CommandContext, words: string, screen: Screen | undefined): void {
  if (screen) screen.foot(words);
  else for (const line of words.split("\n")) context.note(line);
}

let lastLine = "";

function show(context: CommandContext, status: ClusterStatus, screen: Screen | undefined): void {
  if (screen) return screen.draw(renderStatus(status, context.paintFor(process.stdout), Date.now(), terminalColumns()));
  const line = renderStatusLine(status);
  // What differs only in its time, or in positions that move all the time, is no change to tell.
  const told = line.slice(line.indexOf("  "));
  if (!context.flags.json && told === lastLine) return;
  lastLine = told;
  context.writeLine(status, () => line);
}
