/** What `repo-ls --output=json` says of the files of a log: names below the archive, each with when it came there. */
import { z } from "zod";

const schema = z.record(z.string(), z.object({ type: z.string(), time: z.number().optional() }));
const segment = /[0-9A-F]{24}-[0-9a-f]{40}[^/]*$/;

/** Wall clock of the storage, in milliseconds: when the newest segment came there; undefined: there is none. */
export function newestSegmentAt(text: string): number | undefined {
  const files = Object.entries(schema.parse(JSON.parse(text)));
  const times = files.flatMap(([name, { type, time }]) =>
    type === "file" && time !== undefined && segment.test(name) ? [time * 1000] : [],
  );
  return times.length === 0 ? undefined : Math.max(...times);
}
