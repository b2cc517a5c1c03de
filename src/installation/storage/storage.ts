/** What the API may ask about storage, each delegated to where it is done. */
import type { StorageInstallation } from "../../contract/storage.ts";
import type { Parts } from "../parts.ts";
import { applySize, extendVolumes, listVolumes } from "./volumes.ts";

export function createStorage(parts: Parts): StorageInstallation {
  return {
    volumes: (cluster, query) => listVolumes(parts, cluster, query),
    extendVolumes: (cluster, request, asked) => extendVolumes(parts, cluster, request, asked),
    applyVolumes: (cluster) => applySize(parts, cluster),
  };
}
