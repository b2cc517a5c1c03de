/**
 * How much of a directory's blocks belongs to it alone, where copies share them: what its removal would give back.
 * Called when snapshots are listed. Only reads.
 */
import { tryTool } from "./tools.ts";

/** A look at very many files is given up: the figure is a kindness. */
const lookMs = 5000;
/** `   0:  0.. 1023:  34816..  35839:  1024:  shared,eof`, in blocks. Source: filefrag(8), -v. */
const extent = /^\s*\d+:\s+\d+\.\.\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+):(.*)$/gm;
const blockBytes = 4096;

/** @returns undefined when it cannot be told */
export async function ownBytes(directory: string): Promise<number | undefined> {
  const find = [directory, "-type", "f", "-size", "+0", "-exec", "filefrag", "-v", "-b4096", "{}", "+"];
  const { stdout, failure } = await tryTool("find", find, { withinMs: lookMs });
  return failure === undefined ? sumOwn(stdout) : undefined;
}

export function sumOwn(text: string): number {
  let blocks = 0;
  for (const [, length, flags = ""] of text.matchAll(extent)) {
    // What stands in btrfs's own tree takes no block, and its length is given in bytes.
    if (!/shared|inline/.test(flags)) blocks += Number(length);
  }
  return blocks * blockBytes;
}
