/** `events --follow`: the past, then each event as it happens; goes on across restarts of the agent, without gaps. */
import { setTimeout as sleep } from "node:timers/promises";

import { OpError } from "../errors/op-error.ts";
import type { CommandContext } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";
import { renderEvent } from "./output/events.ts";

const retryMs = 500;

export interface EventsWanted {
  readonly type: string | undefined;
  readonly member: string | undefined;
  readonly limit: number;
}

export async function followEvents(context: CommandContext, cluster: string, wanted: EventsWanted): Promise<void> {
  const { signal, release } = listenForInterrupt();
  let query: Readonly<Record<string, string | number | undefined>> = { ...wanted };
  let lastId = 0;
  let client = await context.client();
  let isAway = false;
  try {
    while (!signal.aborted) {
      try {
        if (isAway) client = await context.clientAgain();
        for await (const event of client.watchEvents(cluster, query, signal)) {
          // Other hosts' events can come later than they happened: ids are the order in which the agent had them.
          lastId = Math.max(lastId, event.id);
          query = { ...wanted, limit: 1000, after_id: lastId };
          isAway = false;
          context.writeLine(event, (paint) => renderEvent(event, paint));
        }
      } catch (error) {
        if (signal.aborted || !(error instanceof OpError && error.code === "agent-unreachable")) throw error;
        if (!isAway) context.note("the agent does not answer; trying again");
        isAway = true;
      }
      await sleep(retryMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    release();
  }
}
