/**
 * The systemd unit that runs the agent of a home: its name, and whether there is one. Shared by what installs it, by the
 * command line, which leaves starting to systemd then, and by the agent, which tells it when not to start it again.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

export const unitDirectory = "/etc/systemd/system";

/** Set in the unit: its agent ends with this code after `matriarch agent stop`, and stays down. */
export const stoppedByRequest = { variable: "MATRIARCH_STOPPED_EXIT_CODE", code: 100 } as const;

/** One for the usual home; others have their path in the name. */
export function unitName(home: string): string {
  if (home === "/var/lib/matriarch") return "matriarch.service";
  const escaped = home.replace(/^\/+|\/+$/g, "").replaceAll(/[^A-Za-z0-9_.]+/g, "-");
  return `matriarch-${escaped}.service`;
}

/** As sd_booted(3) finds out. */
export function systemdRuns(): boolean {
  return process.platform === "linux" && existsSync("/run/systemd/system");
}

/** @returns its name, where systemd runs and has one for this home */
export function installedUnit(home: string): string | undefined {
  const unit = unitName(home);
  return systemdRuns() && existsSync(join(unitDirectory, unit)) ? unit : undefined;
}
