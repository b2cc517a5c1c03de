/**
 * Reads all pages of a stopped server's directory and compares them with their checksums, as pg_checksums does, which not
 * every engine brings. In small steps: the agent that calls it has other things to do.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { isPageWhole, pageBytes } from "./page.ts";

export interface Scan {
  readonly pages: number;
  /** at most a few: `base/5/16384, block 3` */
  readonly damaged: readonly string[];
  readonly damagedPages: number;
}

/** What is read at once; its pages take a millisecond or less to compute. */
const stepBytes = 32 * pageBytes;
const toldMost = 5;
/** Of one file of a relation: 1 GB, as all servers are built. */
const fileBlocks = 131_072;
/** A relation's file, perhaps of another fork or a later part; not those of sessions' own tables, which end with them. */
const relationFile = /^\d+(?:_(?:fsm|vm|init))?(?:\.(\d+))?$/;

interface Counting {
  pages: number;
  damagedPages: number;
  readonly damaged: string[];
}

export async function scanPages(
  dataDirectory: string,
  told: (pages: number) => void,
  signal: AbortSignal,
): Promise<Scan> {
  const counting: Counting = { pages: 0, damagedPages: 0, damaged: [] };
  const databases = (await readdir(join(dataDirectory, "base"))).filter((name) => /^\d+$/.test(name));
  for (const directory of ["global", ...databases.map((name) => `base/${name}`)]) {
    for (const name of await readdir(join(dataDirectory, directory))) {
      const part = relationFile.exec(name);
      if (!part) continue;
      const first = Number(part[1] ?? 0) * fileBlocks;
      await scanFile({ dataDirectory, path: `${directory}/${name}`, first }, counting, signal);
    }
    told(counting.pages);
  }
  return counting;
}

interface File {
  readonly dataDirectory: string;
  readonly path: string;
  /** number of its first block in the relation */
  readonly first: number;
}

async function scanFile({ dataDirectory, path, first }: File, to: Counting, signal: AbortSignal): Promise<void> {
  const words = new Int32Array(stepBytes / 4);
  const file = await open(join(dataDirectory, path), "r");
  try {
    for (let block = first; ;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(words, 0, stepBytes, (block - first) * pageBytes);
      const pages = Math.floor(bytesRead / pageBytes);
      for (let at = 0; at < pages; at += 1) {
        const page = words.subarray((at * pageBytes) / 4, ((at + 1) * pageBytes) / 4);
        if (!isPageWhole(page, block + at)) note(to, `${path}, block ${block + at}`);
      }
      to.pages += pages;
      block += pages;
      if (bytesRead < stepBytes) {
        if (bytesRead % pageBytes !== 0) note(to, `${path} ends within a page`);
        return;
      }
      await turn();
    }
  } finally {
    await file.close();
  }
}

function note(to: Counting, where: string): void {
  to.damagedPages += 1;
  if (to.damaged.length < toldMost) to.damaged.push(where);
}
