/**
 * Files and directories that the server's user must own. Called wherever this driver makes one: the agent may be root,
 * the server never is.
 */
import { chown, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerOwner } from "../port.ts";

/** For nobody else to enter; its parents, if they have to be made, are passable. */
export async function makeOwnedDirectory(path: string, owner: ServerOwner | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

export async function writeOwnedFile(path: string, text: string, owner: ServerOwner | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}
