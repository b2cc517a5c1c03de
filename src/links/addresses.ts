/**
 * IP addresses of hosts that are named by DNS. A name is looked up beside the work and never waited for: what was found
 * last stays in force, because a name server that does not answer must not part hosts that know each other. Called by
 * the guard.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

const lookEveryMs = 30_000;
const failedEveryMs = 2000;

export class Addresses {
  readonly #known = new Map<string, string>();
  readonly #lookAt = new Map<string, number>();

  /** @returns undefined while a name has never been found */
  current(address: string): string | undefined {
    if (isIP(address) !== 0) return address;
    if (performance.now() >= (this.#lookAt.get(address) ?? 0)) void this.#look(address);
    return this.#known.get(address);
  }

  async #look(name: string): Promise<void> {
    // One at a time: a look that hangs holds one of the few threads that Node has for this.
    this.#lookAt.set(name, Infinity);
    try {
      this.#known.set(name, (await lookup(name)).address);
      this.#lookAt.set(name, performance.now() + lookEveryMs);
    } catch {
      this.#lookAt.set(name, performance.now() + failedEveryMs);
    }
  }
}
