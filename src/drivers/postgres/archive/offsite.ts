/** The script that takes a member's log elsewhere once the archive on its host has it (see command.ts). */
import { readFile, rm } from "node:fs/promises";
import type { ServerOwner } from "../port.ts";
import { makeOwnedDirectory } from "../server/owned-files.ts";
import { archiveFilesOf, replaceOwned } from "./command.ts";

/** @param script undefined: nowhere. @returns whether it was another one before */
export async function writeOffsite(
  dataDirectory: string,
  script: string | undefined,
  owner: ServerOwner | undefined,
): Promise<boolean> {
  const { directory, offsite } = archiveFilesOf(dataDirectory);
  const before = await readFile(offsite, "utf8").catch(() => undefined);
  if (before === script) return false;
  if (script === undefined) await rm(offsite, { force: true });
  else {
    await makeOwnedDirectory(directory, owner);
    await replaceOwned(offsite, script, owner);
  }
  return true;
}
