/**
 * Processes that drain since before this agent was started: each listens at `<control path>.<pid>`, and the control
 * path is a link to the newest. Called by the drivers of processes that drain. Sockets that nobody listens on are removed.
 */
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { KeptLink } from "./control-link.ts";

export async function findOlder<Link extends KeptLink>(
  controlPath: string,
  /** not looked at: the one that is used */
  except: readonly (number | undefined)[],
  open: (path: string) => Promise<Link | undefined>,
): Promise<readonly Link[]> {
  const directory = dirname(controlPath);
  const prefix = `${basename(controlPath)}.`;
  const found: Link[] = [];
  for (const name of await readdir(directory)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : NaN;
    if (!Number.isInteger(pid) || except.includes(pid)) continue;
    const link = await open(join(directory, name));
    if (link) found.push(link);
    else await unlink(join(directory, name)).catch(() => undefined);
  }
  return found;
}
