/**
 * What the directory of hooks holds, told to people: programs that will run, those that will not, and names that no
 * moment has. Called when an agent starts, and by `matriarch check`. Runs nothing.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hookMeant, hookNames, isHookName, type HookName } from "../../domain/hook.ts";
import { findHook } from "./find.ts";

export interface HooksFound {
  readonly ready: readonly HookName[];
  /** each in a sentence without a full stop */
  readonly problems: readonly string[];
}

export async function lookAtHooks(directory: string): Promise<HooksFound> {
  const names = await readdir(directory).catch((): readonly string[] => []);
  const known = hookNames.filter((name) => names.some((there) => there === name));
  const found = await Promise.all(known.map(async (name) => ({ name, hook: await findHook(directory, name) })));
  const others = names.filter((name) => !isHookName(name) && !name.startsWith(".")).toSorted();
  const wrong = await Promise.all(others.map((name) => misnamed(directory, name)));
  return {
    ready: found.flatMap(({ name, hook }) => (hook.kind === "found" ? [name] : [])),
    problems: [
      ...found.flatMap(({ name, hook }) => (hook.kind === "refused" ? [`"${name}" is not run: ${hook.reason}`] : [])),
      ...wrong.flatMap((problem) => problem ?? []),
    ],
  };
}

/** What the others call, or a page about them, may lie beside them. */
async function misnamed(directory: string, name: string): Promise<string | undefined> {
  const meant = hookMeant(name);
  if (meant !== undefined) return `"${name}" is never run: it is not called "${meant}"`;
  if (!/^(before|after|pre|post|on)[-_.]/i.test(name)) return undefined;
  const isFile = await stat(join(directory, name))
    .then((found) => found.isFile())
    .catch(() => false);
  return isFile ? `"${name}" is never run: no hook has that name. There are ${hookNames.join(", ")}` : undefined;
}
