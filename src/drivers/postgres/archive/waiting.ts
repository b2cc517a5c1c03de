/** What a server still has to archive, and why it could not. Reads files only: it costs the server nothing. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { withSession } from "../session/session.ts";
import { archiveFilesOf } from "./command.ts";

export interface Waiting {
  /** names of complete files of the log, oldest first */
  readonly names: readonly string[];
  /** what the last attempt failed of */
  readonly problem: string | undefined;
  /** files that the archive has been told to leave out, and did */
  readonly isGivenUp: boolean;
}

export async function readWaiting(dataDirectory: string): Promise<Waiting> {
  const statuses = await readdir(join(dataDirectory, "pg_wal/archive_status")).catch(() => []);
  const files = archiveFilesOf(dataDirectory);
  const said = await readFile(files.problem, "utf8").catch(() => undefined);
  return {
    names: statuses.flatMap((name) => (name.endsWith(".ready") ? [name.slice(0, -".ready".length)] : [])).toSorted(),
    // A disk that is full has no room for the words.
    problem: said === undefined ? undefined : said.trim().slice(0, 500) || "no reason could be written down",
    isGivenUp: await readFile(files.giveUp).then(
      () => true,
      () => false,
    ),
  };
}

/** As the server was started: a change counts with its next start. */
export async function isArchiving(target: { socketDirectory: string; port: number }): Promise<boolean> {
  return await withSession(target, { withinMs: askMs }, async (session) => {
    const sql = "SELECT pg_catalog.current_setting('archive_mode') AS mode";
    const [row] = await session.query(sql, [], { withinMs: askMs });
    return row?.["mode"] === "on";
  });
}

const askMs = 5000;
