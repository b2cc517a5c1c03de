/** Files and directories of the servers' user, in which secrets may stand: never readable by others, never half written. */
import { chown, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerOwner } from "../postgres/port.ts";

/** For nobody else to enter; its parents, if they have to be made, are passable. */
export async function makeOwnDirectory(path: string, owner: ServerOwner | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** Whole or as it was: a server may be reading it. Left alone when it says this already. */
export async function writeOwn(
  path: string,
  text: string,
  owner: Pick<ServerOwner, "uid" | "gid"> | undefined,
): Promise<void> {
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return;
  const part = `${path}.${process.pid}.new`;
  await writeFile(part, text, { mode: 0o600 });
  if (owner !== undefined) await chown(part, owner.uid, owner.gid);
  await rename(part, path);
}
