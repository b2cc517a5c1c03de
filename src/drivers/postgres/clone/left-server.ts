/**
 * A copy's server that was left running alone by an agent that was killed: it knows nothing of the directory's end.
 * Called before the directory of a member that no record knows is removed.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { until } from "../session/deadline.ts";
import { isAlive, isPostmasterOf, readPidFile, signal } from "../server/processes.ts";

const quitMs = 5000;
const killMs = 5000;

export async function endLeftServer(dataDirectory: string): Promise<void> {
  await endServer(dataDirectory);
  await removeSockets(dataDirectory);
}

/** Beside the data: the server's own files no longer tell it once the server has ended by itself. */
function socketsNote(dataDirectory: string): string {
  return join(dirname(dataDirectory), "sockets-of-copy");
}

/** What the names of directories begin with that hold a copy's socket and nothing else. */
export const socketsPrefix = "mrv-";

/** Before the copy's server is started: whoever comes after a killed agent finds the directory of its socket. */
export async function noteSockets(dataDirectory: string, directory: string): Promise<void> {
  await writeFile(socketsNote(dataDirectory), directory);
}

/** Of a server that has ended; nothing when there is none. */
export async function removeSockets(dataDirectory: string): Promise<void> {
  const directory = await readFile(socketsNote(dataDirectory), "utf8").catch(() => "");
  if (dirname(directory) === tmpdir() && basename(directory).startsWith(socketsPrefix))
    await rm(directory, { recursive: true, force: true });
  await rm(socketsNote(dataDirectory), { force: true });
}

async function endServer(dataDirectory: string): Promise<void> {
  const pid = await readPidFile(dataDirectory);
  if (pid === undefined || !(await isPostmasterOf(pid, dataDirectory))) return;
  signal(pid, "SIGQUIT");
  if (await until(() => !isAlive(pid), quitMs, 10)) return;
  signal(pid, "SIGKILL");
  await until(() => !isAlive(pid), killMs, 10);
}
