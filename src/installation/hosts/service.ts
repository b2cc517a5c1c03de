/**
 * Runs the agent as a systemd service, where systemd runs and we may. Called by setup.ts after host.json is written.
 * Without it the agent runs detached, started by any command, or in the foreground (`matriarch agent run`).
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { systemdRuns, unitDirectory, unitName } from "../../config/service.ts";
import { OpError } from "../../errors/op-error.ts";
import { agentUnit, type UnitOptions } from "./service-unit.ts";

const systemctlMs = 60_000;

export function canInstallService(): boolean {
  return process.getuid?.() === 0 && systemdRuns();
}

/** Writes, enables and starts the unit; again: the same. @returns its name. @throws OpError agent-start-failed */
export async function installService(options: UnitOptions): Promise<string> {
  const unit = unitName(options.home);
  await writeFile(join(unitDirectory, unit), agentUnit(options), { mode: 0o644 });
  try {
    await systemctl("daemon-reload");
    await systemctl("enable", unit);
    await systemctl("restart", unit);
  } catch (cause) {
    throw new OpError("agent-start-failed", {
      message: `systemd could not start ${unit}`,
      detail: cause instanceof Error ? cause.message.trim() : String(cause),
      hint: `See: systemctl status ${unit}. The host itself is made; --no-service does without systemd.`,
      cause,
    });
  }
  return unit;
}

function systemctl(...args: readonly string[]): Promise<unknown> {
  return promisify(execFile)("systemctl", [...args], { timeout: systemctlMs });
}
