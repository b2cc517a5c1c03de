/**
 * Which files of a server's own log directory hold what their names say. Segments are recycled under future names, so a
 * name proves nothing; a page written for its place carries its own address.
 * Source: XLogPageHeaderData, xlp_pageaddr at byte 8.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseSegmentName, segmentStart } from "../../../domain/wal-file.ts";

const atOnce = 16;

/** @param directory `pg_wal` of a member or of a snapshot */
export async function writtenSegments(directory: string, segmentBytes: number): Promise<readonly string[]> {
  const names = (await readdir(directory).catch(() => [])).filter(
    (name) => parseSegmentName(name, segmentBytes)?.isPartial === false,
  );
  const written: string[] = [];
  for (let n = 0; n < names.length; n += atOnce) {
    const some = names.slice(n, n + atOnce);
    const are = await Promise.all(some.map((name) => isWritten(directory, name, segmentBytes)));
    written.push(...some.filter((_, i) => are[i]));
  }
  return written;
}

export async function isWritten(directory: string, name: string, segmentBytes: number): Promise<boolean> {
  const wanted = parseSegmentName(name, segmentBytes);
  const file = await open(join(directory, name)).catch(() => undefined);
  if (file === undefined || wanted === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
    return bytesRead === 16 && buffer.readBigUInt64LE(8) === segmentStart(wanted.segment, segmentBytes);
  } finally {
    await file.close();
  }
}
