/** Which libraries the servers load, changed for the whole cluster. Called by carry-out.ts. */
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

export interface SettingsChange {
  /** null: back to the default */
  readonly settings: Readonly<Record<string, string | null>>;
  /** members to restart for it; none: it comes with their next start */
  readonly restart: readonly string[];
}

export async function changeSettings(_parts: Parts, name: string, _change: SettingsChange): Promise<void> {
  throw new OpError("not-supported", {
    message: `cluster "${name}" cannot change what its servers load yet`,
    hint: "Give --set shared_preload_libraries=… to matriarch create.",
  });
}
