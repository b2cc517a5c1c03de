/**
 * History files in `pg_wal`, by which Postgres chooses the number of a new timeline: one more than the highest that has
 * a file without a gap. Called before a promotion and before a start. Never touches a file that Postgres wrote.
 */
import { open, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lsn } from "../../../domain/lsn.ts";
import { parseHistoryFile } from "../../../domain/timeline.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { ServerOwner } from "../port.ts";
import { writeOwnedFile } from "./owned-files.ts";

/**
 * The whole content of a planted file. Without rows the timeline is a child of none, so that no server ever takes it
 * for one to follow ("new timeline N is not a child of database system timeline M"); its number is taken all the same.
 * A true history of an abandoned timeline would lead a standby astray that sees it before the newest one's.
 */
const placeholder = "# reserved for another promotion\n";

const historyName = /^([0-9A-F]{8})\.history$/;

function nameOf(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
}

/**
 * Gives every timeline from 2 to below `timeline` a history file. All of them: a standby fetches the file of each
 * timeline up to its primary's (WalRcvFetchTimeLineHistoryFiles), and one that is missing would end its stream.
 */
export async function plantTimelines(
  dataDirectory: string,
  timeline: number,
  owner: ServerOwner | undefined,
): Promise<void> {
  const directory = join(dataDirectory, "pg_wal");
  const present = new Set(await readdir(directory));
  refuseTaken(present, timeline);
  const missing = Array.from({ length: Math.max(0, timeline - 2) }, (_, i) => nameOf(i + 2)).filter(
    (name) => !present.has(name),
  );
  for (const name of missing) await writeDurably(join(directory, name), owner);
  if (missing.length > 0) await syncPath(directory);
}

/** One that is there already was left by a promotion that crashed: Postgres would choose a number nobody reserved. */
function refuseTaken(present: ReadonlySet<string>, timeline: number): void {
  const taken = [...present].filter((name) => historyName.test(name) && name >= nameOf(timeline)).sort()[0];
  if (taken === undefined) return;
  throw new OpError("engine-failed", {
    message: `timeline ${timeline} cannot be used for the promotion`,
    detail: `"${taken}" is there already, from a promotion that did not end.`,
  });
}

async function writeDurably(path: string, owner: ServerOwner | undefined): Promise<void> {
  await writeOwnedFile(path, placeholder, owner);
  await syncPath(path);
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, "r");
  await file.sync();
  await file.close();
}

/**
 * Removes planted files above every true history file: they stand for a promotion that did not happen, or were
 * fetched just before the fetching ended. A server that finds one as the newest timeline does not start.
 */
export async function removeLoosePlants(dataDirectory: string): Promise<void> {
  const directory = join(dataDirectory, "pg_wal");
  const names = (await readdir(directory).catch(() => [])).filter((name) => historyName.test(name)).sort();
  for (const name of names.reverse()) {
    const path = join(directory, name);
    if ((await readFile(path, "utf8")) !== placeholder) return;
    await rm(path);
  }
}

/** Where `timeline` left its parent, by the file that Postgres wrote when it was promoted. */
export async function forkOf(dataDirectory: string, timeline: number): Promise<Lsn | undefined> {
  const text = await readFile(join(dataDirectory, "pg_wal", nameOf(timeline)), "utf8").catch(() => "");
  return parseHistoryFile(text).at(-1)?.forkedAt;
}
