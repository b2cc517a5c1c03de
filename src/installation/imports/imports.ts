/** What the API may ask about imports, each delegated to where it is done. */
import type { ImportsInstallation } from "../../contract/imports.ts";
import type { Parts } from "../parts.ts";
import { abandonImport } from "./abandon.ts";
import { cutOver } from "./cutover.ts";
import { listImports } from "./status.ts";
import { beginImport, checkImport } from "./begin.ts";

export function createImports(parts: Parts): ImportsInstallation {
  return {
    check: (cluster, wish) => checkImport(parts, cluster, wish),
    begin: (cluster, wish, asked) => beginImport(parts, cluster, wish, asked),
    list: (cluster) => listImports(parts, cluster),
    cutover: (cluster, wish, asked) => cutOver(parts, cluster, wish, asked),
    abandon: (cluster, wish, asked) => abandonImport(parts, cluster, wish, asked),
  };
}
