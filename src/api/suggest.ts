/**
 * Hints for errors that have none: "did you mean" for names of clusters and members that do not exist, and what can still
 * be done without the store. Called by server.ts for errors alone.
 */
import type { Installation } from "../contract/installation.ts";
import { OpError } from "../errors/op-error.ts";

/** The same error with a hint when a name that exists looks alike, or when there are few enough to name them all. */
export async function withSuggestion(failure: unknown, path: string, installation: Installation): Promise<unknown> {
  if (!(failure instanceof OpError)) return failure;
  if (failure.code === "store-unavailable") return withHint(failure, failure.hint ?? withoutStore);
  if (failure.code !== "cluster-not-found" && failure.code !== "member-not-found") return failure;
  const [, , resource, cluster = "", , member = ""] = path.split("/").map(decode);
  if (resource !== "clusters") return failure;
  const names = await namesFor(failure.code, cluster, installation);
  const wanted = failure.code === "cluster-not-found" ? cluster : member;
  const hint = suggest(wanted, names) ?? failure.hint ?? enumerate(failure.code, names);
  return withHint(failure, hint);
}

const withoutStore =
  "Healthy primaries go on serving; nothing can be changed, and nobody fails over, until it is back. status, explain, events, logs, uri and connect work meanwhile.";

function withHint(failure: OpError, hint: string | undefined): OpError {
  return new OpError(failure.code, {
    message: failure.message,
    ...(failure.detail === undefined ? {} : { detail: failure.detail }),
    ...(hint === undefined ? {} : { hint }),
    cause: failure,
  });
}

async function namesFor(
  code: OpError["code"],
  cluster: string,
  installation: Installation,
): Promise<readonly string[]> {
  if (code === "cluster-not-found") return (await installation.list()).map(({ name }) => name);
  return (await installation.status(cluster)).members.map(({ id }) => id);
}

function suggest(wanted: string, names: readonly string[]): string | undefined {
  const near = names
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .filter(({ name, distance }) => distance <= (name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))))
    .sort((a, b) => a.distance - b.distance)[0];
  return wanted === "" || near === undefined ? undefined : `Did you mean "${near.name}"?`;
}

function enumerate(code: OpError["code"], names: readonly string[]): string | undefined {
  if (code === "cluster-not-found" && names.length === 0)
    return "There are none yet. Make one with: matriarch create shop";
  if (names.length === 0 || names.length > 10) return undefined;
  return `There ${names.length === 1 ? "is" : "are"}: ${names.join(", ")}.`;
}

/** Levenshtein: letters to add, drop or change. Names are short. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
