/** Has a server's archiver look at once, instead of a minute after its last failure. Called when what kept it may be over. */
import { archiverOf, signal } from "../server/processes.ts";

/** Any signal wakes it from its wait; this one only lets it read its settings again. */
export async function wakeArchiver(dataDirectory: string): Promise<void> {
  const pid = await archiverOf(dataDirectory);
  if (pid !== undefined) signal(pid, "SIGHUP");
}
