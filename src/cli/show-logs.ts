/** `logs`: the newest lines of the members' log files on this machine, and what is written from now on. */
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import type { CommandContext, Outcome } from "./context.ts";
import { listenForInterrupt } from "./follow.ts";

interface Wanted {
  readonly cluster: string;
  readonly member: string | undefined;
  readonly lines: number;
  readonly follow: boolean;
}

interface Line {
  readonly member: string;
  readonly line: string;
}

/** Lines are taken from so much of a file's end at most. */
const tailBytesMax = 4 * 1024 * 1024;
const lookEveryMs = 200;

export async function showLogs(context: CommandContext, wanted: Wanted): Promise<Outcome | undefined> {
  const files = await (await context.client()).logFiles(wanted.cluster, wanted.member);
  const prefix = new Set(files.map((file) => file.member)).size > 1;
  const newest = new Map<string, string>(files.map(({ member, path }) => [member, path]));
  const lines: Line[] = [];
  const offsets = new Map<string, number>();
  for (const [member, path] of newest) {
    const { text, size } = await readTail(path);
    offsets.set(path, size);
    for (const line of lastLines(text, wanted.lines)) lines.push({ member, line });
  }
  const render = ({ member, line }: Line) => (prefix ? `${member}  ${line}` : line);
  if (!wanted.follow) return { json: lines, text: () => lines.map(render).join("\n") };
  for (const line of lines) context.writeLine(line, () => render(line));
  await followFiles(context, wanted, offsets, (line) => context.writeLine(line, () => render(line)));
  return undefined;
}

/** Asks for the files again every few seconds: Postgres begins new ones. */
async function followFiles(
  context: CommandContext,
  { cluster, member }: Wanted,
  offsets: Map<string, number>,
  tell: (line: Line) => void,
): Promise<void> {
  const { signal, release } = listenForInterrupt();
  const rests = new Map<string, string>();
  try {
    const client = await context.client();
    let files = await client.logFiles(cluster, member);
    for (let turn = 1; !signal.aborted; turn += 1) {
      if (turn % 15 === 0) files = await client.logFiles(cluster, member).catch(() => files);
      for (const { member: from, path } of files) {
        const text = (rests.get(path) ?? "") + (await readFrom(path, offsets));
        const complete = text.lastIndexOf("\n") + 1;
        rests.set(path, text.slice(complete));
        for (const line of text.slice(0, complete).split("\n").slice(0, -1)) tell({ member: from, line });
      }
      await sleep(lookEveryMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    release();
  }
}

async function readTail(path: string): Promise<{ text: string; size: number }> {
  const size = await sizeOf(path);
  const from = Math.max(0, size - tailBytesMax);
  return { text: await readPart(path, from, size), size };
}

async function readFrom(path: string, offsets: Map<string, number>): Promise<string> {
  const size = await sizeOf(path);
  const from = offsets.get(path) ?? 0;
  offsets.set(path, size);
  // A file that shrank has been begun anew.
  return size === from ? "" : readPart(path, size < from ? 0 : from, size);
}

async function readPart(path: string, from: number, to: number): Promise<string> {
  if (to <= from) return "";
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(to - from, tailBytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A log that does not exist yet is empty. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function lastLines(text: string, count: number): readonly string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return count === 0 ? [] : lines.slice(-count);
}
