/**
 * Archives a file of a server's log by the server's own command, under the same permit. Called for what the server will
 * not archive by itself: a new primary takes what it received from the one before for archived.
 * Source: XLogArchiveForceDone() in walreceiver.c.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { identityOf } from "../engine/environment.ts";
import type { ServerOwner } from "../port.ts";
import { archiveFilesOf } from "./command.ts";

/** The steps of the command are bounded; this is for all of them, and a repository. */
const commandMs = 120_000;

/** @param from directory that has the file @throws when it was not taken, with what the command said */
export async function archiveNow(
  dataDirectory: string,
  owner: ServerOwner | undefined,
  { from, name }: { readonly from: string; readonly name: string },
): Promise<void> {
  const { command, directory } = archiveFilesOf(dataDirectory);
  const options = {
    cwd: directory,
    timeout: commandMs,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    ...identityOf(owner),
  };
  await promisify(execFile)("/bin/sh", [command, join(from, name), name], options);
}
