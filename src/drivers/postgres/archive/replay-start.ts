/** Where the replay of a copied data directory begins. Called for snapshots: the log from there on is what they need. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatLsn } from "../../../domain/lsn.ts";
import { readControl } from "../provision/control-file.ts";

const labelled = /START WAL LOCATION: ([0-9A-F]+\/[0-9A-F]+) \(file ([0-9A-F]{8})/;

/** A copy made in backup mode says it in its label, any other in its control file. */
export async function replayStart(dataDirectory: string): Promise<{ timeline: number; lsn: string }> {
  const label = await readFile(join(dataDirectory, "backup_label"), "utf8").catch(() => "");
  const [, lsn, timeline] = labelled.exec(label) ?? [];
  if (lsn !== undefined && timeline !== undefined) return { timeline: Number.parseInt(timeline, 16), lsn };
  const control = await readControl(dataDirectory);
  return { timeline: control.timeline, lsn: formatLsn(control.redo) };
}
