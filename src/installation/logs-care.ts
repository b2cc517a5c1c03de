/** Keeps the logs of this host within what may be kept. Begun by the agent's entry; every look ends before the next. */
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { removeOldLogs, turnOver, type Retention } from "../drivers/logs/retention.ts";
import { memberStreams, processStreams } from "../drivers/logs/sources.ts";
import { isHere, type Parts } from "./parts.ts";

/** A storm of 50,000 lines a second writes some 20 MB in one: so much may be there too much. */
const lookEveryMs = 5000;
/** They rotate no file of their own. */
const appenders = new Set(["etcd", "pgbouncer"]);

/** Until the agent ends. */
export async function careForLogs(parts: Parts, kept: Retention): Promise<void> {
  let told = false;
  while (!parts.signal.aborted) {
    await sleep(lookEveryMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
    await lookAtLogs(parts, kept).then(
      () => (told = false),
      (error: unknown) => {
        if (!told) parts.log.warn("old logs not removed", { error });
        told = true;
      },
    );
  }
}

async function lookAtLogs(parts: Parts, kept: Retention): Promise<void> {
  const now = parts.clock.wallNow();
  for (const { name, record } of parts.runtime.clusters.values())
    for (const { value: member } of Object.values(record.members)) {
      if (!isHere(parts, member)) continue;
      await removeOldLogs(await memberStreams(dirname(member.dataDirectory), name, member.id), kept, now);
    }
  for (const { origin, files } of await processStreams(parts.home)) {
    const last = files.find(({ path }) => path.endsWith(".log"));
    if (last && appenders.has(origin.process)) await turnOver(last);
  }
}
