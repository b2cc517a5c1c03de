/** What the API may ask about extensions, each delegated to where it is done. */
import type { ExtensionsInstallation } from "../../contract/extensions.ts";
import type { Parts } from "../parts.ts";
import { changeExtension } from "./carry-out.ts";
import { listExtensions } from "./list.ts";
import { planChange } from "./plan.ts";

export function createExtensions(parts: Parts): ExtensionsInstallation {
  return {
    list: (cluster) => listExtensions(parts, cluster),
    plan: (cluster, wish) => planChange(parts, cluster, wish),
    change: (cluster, wish, asked) => changeExtension(parts, cluster, wish, asked),
  };
}
