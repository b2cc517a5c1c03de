/**
 * What this host can run and which version it is, kept true in its record: packages come and go, and Matriarch is
 * upgraded. Called by the agent again and again; the store is asked only when something may have changed.
 */
import { isDeepStrictEqual } from "node:util";

import { version } from "../../config/version.ts";
import { machineHere } from "../../drivers/limits/machine.ts";
import { systemEnginesMark } from "../../drivers/postgres/engine/system.ts";
import { changeHost } from "./drain.ts";
import { hostOf, type HostParts } from "./parts.ts";
import { findEngines } from "./self.ts";

export class OwnRecord {
  readonly #parts: HostParts;
  #told: string | undefined;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  /** @throws OpError store-unavailable; then it is tried again next time */
  async keep(): Promise<void> {
    const { store, config } = this.#parts;
    const mark = await systemEnginesMark();
    if (mark === this.#told) return;
    const is = { version, engines: await findEngines(), machine: machineHere() };
    const { value } = await hostOf(store, config.name);
    if (!isDeepStrictEqual({ version: value.version, engines: value.engines, machine: value.machine }, is))
      await changeHost(this.#parts, config.name, (host) => ({ ...host, ...is }));
    this.#told = mark;
  }
}
