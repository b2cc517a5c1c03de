/**
 * The replication settings of a member, which change by reload. Called by the member's server. Reads back what was
 * written, so that an agent that has just started changes one setting and keeps the others.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { replicationFile, writeReplicationConf, type ReplicationSettings } from "../configuration/write.ts";
import type { MemberServerConfig } from "../port.ts";
import { slotOf } from "./replication-names.ts";

export async function changeReplication(
  config: MemberServerConfig,
  change: Partial<ReplicationSettings>,
): Promise<void> {
  const { dataDirectory, owner } = config;
  const text = await readFile(join(dataDirectory, replicationFile), "utf8").catch(() => "");
  const settings: ReplicationSettings = {
    primaryConninfo: valueOf(text, "primary_conninfo"),
    primarySlotName: slotOf(config.member),
    synchronousStandbyNames: valueOf(text, "synchronous_standby_names"),
    ...change,
  };
  await writeReplicationConf(dataDirectory, settings, owner);
}

/** The reverse of `quoteSetting`. */
function valueOf(text: string, name: string): string {
  const quoted = new RegExp(`^${name} = '(.*)'$`, "m").exec(text)?.[1] ?? "";
  return quoted.replaceAll(/''|\\(.)/g, (pair, escaped: string | undefined) => escaped ?? pair.slice(1));
}
