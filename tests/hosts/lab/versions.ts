/** Two versions of one major for upgrades: the laboratory's hosts reach no registry, so they find both in the cache. */
import { tmpdir } from "node:os";
import { ensureEmbeddedEngine } from "../../../src/drivers/postgres/engine/embedded.ts";
import { releaseInCatalog } from "../../../src/drivers/postgres/engine/releases.ts";

export const olderVersion = "18.3";
export const newestVersion = releaseInCatalog(18).version;

export async function fetchVersions(): Promise<void> {
  for (const version of [olderVersion, newestVersion])
    await ensureEmbeddedEngine(tmpdir(), 18, { signal: AbortSignal.timeout(120_000), version });
}
