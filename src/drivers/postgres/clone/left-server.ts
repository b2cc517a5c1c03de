/**
 * A copy's server that was left running alone by an agent that was killed: it knows nothing of the directory's end.
 * Called before the directory of a member that no record knows is removed.
 */
import { until } from "../session/deadline.ts";
import { isAlive, isPostmasterOf, readPidFile, signal } from "../server/processes.ts";

const quitMs = 5000;
const killMs = 5000;

export async function endLeftServer(dataDirectory: string): Promise<void> {
  const pid = await readPidFile(dataDirectory);
  if (pid === undefined || !(await isPostmasterOf(pid, dataDirectory))) return;
  signal(pid, "SIGQUIT");
  if (await until(() => !isAlive(pid), quitMs, 10)) return;
  signal(pid, "SIGKILL");
  await until(() => !isAlive(pid), killMs, 10);
}
