/**
 * A restore in place stops its cluster before the copy takes its place. When the host that does it is lost just then, the
 * cluster would be down until that host is back: another host starts it again as it was. The one that is lost finds that
 * out by its own transaction, which requires a cluster that is stopped (swap.ts), and removes its copy.
 */
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import { amend, type Parts } from "../../parts.ts";
import { silentMs } from "../../placement/hosts.ts";
import { readJournal } from "./journal.ts";

export const inPlaceKind = "restore in place";

/** A hiccup is no loss. */
const lostAfterMs = 10_000;

export async function startAbandoned(parts: Parts, { name, record }: ClusterRuntime): Promise<void> {
  if (record.spec.value.wish !== "stopped") return;
  const host = lostHostOf(parts, name);
  if (host === undefined) return;
  const journal = await readJournal(parts, name, "replaced.json");
  if (!journal?.wasRunning || journal.first.host !== host) return;
  let isDone = false;
  await amend(parts, name, ({ spec: { value: now } }) => {
    // Put in its place meanwhile, it is another system; started meanwhile, there is nothing to do.
    isDone = now.systemIdentifier === journal.before.systemIdentifier && now.wish === "stopped";
    const value = { ...now, wish: "running" as const, generation: now.generation + 1 };
    return { require: ["spec"], write: isDone ? [{ key: "spec", value }] : [] };
  });
  if (isDone) parts.events.emit("restore.abandoned", { cluster: name, once: `restore.abandoned ${name}` }, { host });
}

/** That had begun to put the cluster back. */
function lostHostOf(parts: Parts, name: string): string | undefined {
  const begun = parts.operations.list({ cluster: name, state: "running" }).find(({ kind }) => kind === inPlaceKind);
  const host = begun?.host;
  if (host === undefined || host === null || host === parts.hosts.self?.name) return undefined;
  return silentMs(parts, host) > lostAfterMs ? host : undefined;
}
