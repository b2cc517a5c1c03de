/** Writes host.json, last of all: a home without it has not become a host, and the same command can simply be run again. */
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

import { hostConfigFile, hostConfigSchema, type HostConfig } from "../../config/host-config.ts";

export async function writeHostConfig(home: string, config: HostConfig): Promise<void> {
  const path = hostConfigFile(home);
  const file = await open(`${path}.new`, "w", 0o644);
  try {
    await file.writeFile(`${JSON.stringify(hostConfigSchema.parse(config), undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
