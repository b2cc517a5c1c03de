/**
 * What the server's log says of troubles that nothing else tells: why it did not start, and that the upstream lacks the
 * log it needs. Called by the observer. Reads only what was written since it began to look, and never much at once.
 */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { tellsNoRoom } from "../../../errors/full-disk.ts";

const readMax = 256 * 1024;

export class ServerLog {
  readonly #directory: string;
  /** how far each file has been read */
  readonly #read = new Map<string, number>();
  #hasBegun = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * From here on: what is in the files now is old.
   * @param emptied a file that is about to be emptied: as long as before it may be new all the same
   */
  async skip(emptied?: string): Promise<void> {
    this.#hasBegun = true;
    for (const [path, size] of await this.#sizes()) this.#read.set(path, path === emptied ? 0 : size);
  }

  /** What is written from the first call on is news. */
  async begin(): Promise<void> {
    if (!this.#hasBegun) await this.skip();
  }

  /** Text written since the last call; the first call only begins, for nobody knows how old the text is. */
  async news(): Promise<string> {
    if (!this.#hasBegun) {
      await this.skip();
      return "";
    }
    const texts: string[] = [];
    for (const [path, size] of await this.#sizes()) {
      const seen = this.#read.get(path) ?? 0;
      // A shorter file was truncated by rotation and is new from its beginning.
      const from = Math.max(seen <= size ? seen : 0, size - readMax);
      if (size > from) texts.push(asText(path, await readFrom(path, from, size - from)));
      this.#read.set(path, size);
    }
    return texts.join("\n");
  }

  async #sizes(): Promise<readonly (readonly [string, number])[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const paths = names.map((name) => join(this.#directory, name));
    const stats = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    return paths.flatMap((path, i) => (stats[i]?.isFile() ? [[path, stats[i].size] as const] : []));
  }
}

async function readFrom(path: string, from: number, length: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Lines of a jsonlog as the same server writes them without it: what follows looks for those words. */
function asText(path: string, text: string): string {
  if (!path.endsWith(".json")) return text;
  return text.split("\n").map(lineAsText).join("\n");
}

const described = ["detail", "hint", "context", "statement"] as const;

/** A line whose beginning was not read stays as it is. */
function lineAsText(line: string): string {
  try {
    const record: Readonly<Record<string, unknown>> = JSON.parse(line);
    const more = described.flatMap((name) => {
      const text = record[name];
      return typeof text === "string" ? [`${name.toUpperCase()}:  ${text}`] : [];
    });
    return [`${String(record["error_severity"])}:  ${String(record["message"])}`, ...more].join("\n");
  } catch {
    return line;
  }
}

/**
 * A start failed for what is in the directory, and will fail again. Messages of xlog.c, xlogrecovery.c, pg_control
 * handling, miscinit.c and the storage manager, majors 14 to 18; English because the server runs with LC_ALL=C.
 */
const damage: readonly RegExp[] = [
  /could not locate (a valid|required) checkpoint record/,
  /invalid (primary )?checkpoint record/,
  /invalid (checkpoint link|magic number|resource manager ID) in (checkpoint|control file)/,
  /incorrect checksum in control file/,
  /database files are incompatible with server/,
  /control file contains invalid/,
  /could not find the database system/,
  /is not a (valid data directory|database cluster directory)/,
  /is missing.*PG_VERSION|"[^"]*PG_VERSION": No such file/,
  /could not (open|read|access|stat) (file|directory) "(\.\/)?(base|global|pg_[a-z_]+|PG_VERSION)[^"]*": (No such file|read only|Is a directory|Not a directory)/,
  /could not (open|read) control file/,
  /could not read file "(\.\/)?(base|global|pg_[a-z_]+)[^"]*": read \d+ of \d+/,
  /could not find redo location|could not read from (checkpoint|redo)/,
  /WAL ends before (end of online backup|consistent recovery point)/,
  /invalid data in file "backup_label"/,
  /requested timeline \d+ does not contain minimum recovery point/,
  /requested timeline \d+ is not a child of this server's history/,
  /unexpected timeline ID \d+ .* in checkpoint record/,
  /PANIC:.*(invalid page|WAL contains references to invalid pages|_bt_|heap.*redo|could not re-find)/,
  /relation mapping file "[^"]*" contains (invalid data|incorrect checksum)/,
];

/** Lines that tell why a server ended, the most telling kind first; what its sessions were told on the way is none. */
const ends: readonly RegExp[] = [
  /PANIC: {2}(.+)/g,
  /LOG: {2}(.+ was terminated by signal .+)/g,
  /FATAL: {2}(?!terminating |the database system is |canceling )(.+)/g,
];

export function lastWordsIn(log: string): string | undefined {
  for (const pattern of ends) {
    const found = [...log.matchAll(pattern)].at(-1)?.[1];
    if (found !== undefined) return found.trim();
  }
  return undefined;
}

export function tellsDamage(log: string): boolean {
  return !tellsNoRoom(log) && damage.some((pattern) => pattern.test(log));
}

/** From the standby's side of the stream: the upstream has removed the segment, or has invalidated the slot. */
const missing = [
  /requested WAL segment [0-9A-F]+ has already been removed/,
  /can no longer get changes from replication slot/,
  /cannot read from replication slot/,
  /This slot has been invalidated/,
];

/** From the upstream: the standby's log left the common one before the upstream's began. */
export function tellsDivergence(log: string): boolean {
  return /requested starting point \S+ on timeline \d+ is not in this server's history/.test(log);
}

export function tellsMissingWal(log: string): boolean {
  return missing.some((pattern) => pattern.test(log));
}
