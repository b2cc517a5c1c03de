/** What `matriarch config` can ask for: this folder as the installation's contract sees it. */
import type { SettingsInstallation } from "../../contract/settings.ts";
import type { Parts } from "../parts.ts";
import { changeSettings } from "./apply.ts";
import { planSettings } from "./plan.ts";
import { showSettings } from "./show.ts";

export function createSettings(parts: Parts): SettingsInstallation {
  return {
    show: (name) => showSettings(parts, name),
    plan: async (name, { set = {}, unset = [] }) => (await planSettings(parts, name, { set, unset })).plan,
    change: (name, { set = {}, unset = [], restart = false }, asked) =>
      changeSettings(parts, name, { set, unset }, { restart }, asked),
  };
}
