/**
 * Looks whether there is a user's program for a moment, and whether it may run: nobody but its owner, who is root or the
 * agent's own user, may be able to change it. Called by run.ts's caller just before each run. Runs nothing.
 */
import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

export type FoundHook =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "found"; readonly path: string };

const writableByOthers = 0o022;
const executableBits = 0o111;

/** Never throws: what cannot be looked at is refused, with the reason. */
export async function findHook(directory: string, name: string): Promise<FoundHook> {
  const place = join(directory, name);
  try {
    const path = await realpath(place);
    const reason = (await refuseFile(path)) ?? (await refuseDirectories([directory, dirname(path)]));
    return reason === undefined ? { kind: "found", path } : { kind: "refused", reason };
  } catch (error) {
    return whyNotThere(error) ?? { kind: "refused", reason: error instanceof Error ? error.message : String(error) };
  }
}

function whyNotThere(error: unknown): FoundHook | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" ? { kind: "none" } : undefined;
}

async function refuseFile(path: string): Promise<string | undefined> {
  const found = await stat(path);
  if (!found.isFile()) return `"${path}" is not a file`;
  if ((found.mode & executableBits) === 0) return `"${path}" is not executable; type: chmod +x ${path}`;
  return refuseOwner(path, found);
}

async function refuseDirectories(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const reason = refuseOwner(path, await stat(path));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function refuseOwner(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }): string | undefined {
  const own = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== own) return `"${path}" belongs to user ${uid}, who is neither root nor the agent's user`;
  if ((mode & writableByOthers) !== 0) return `others can write to "${path}"; type: chmod go-w ${path}`;
  return undefined;
}
