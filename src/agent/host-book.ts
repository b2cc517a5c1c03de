/** The hosts of the installation as the store has them, kept fresh. Called by the agent's entry; whoever asks gets what was read last. */
import type { HostRecord } from "../domain/host.ts";
import { hostsPrefix, listHosts } from "../drivers/store/host-records.ts";
import type { Store } from "../drivers/store/port.ts";

export class HostBook {
  readonly #store: Store;
  readonly #listeners: ((hosts: readonly HostRecord[]) => void)[] = [];
  #hosts: readonly HostRecord[] = [];
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(store: Store) {
    this.#store = store;
  }

  all(): readonly HostRecord[] {
    return this.#hosts;
  }

  get(name: string): HostRecord | undefined {
    return this.#hosts.find((host) => host.name === name);
  }

  onChange(listener: (hosts: readonly HostRecord[]) => void): void {
    this.#listeners.push(listener);
  }

  /** @throws OpError store-unavailable when they cannot be read now; they are followed nevertheless */
  async follow(signal: AbortSignal): Promise<void> {
    this.#store.watch(hostsPrefix, () => void this.#read().catch(() => undefined), signal);
    await this.#read();
  }

  async #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilFresh(): Promise<void> {
    do {
      this.#again = false;
      const hosts = (await listHosts(this.#store)).map(({ value }) => value);
      if (JSON.stringify(hosts) === JSON.stringify(this.#hosts)) continue;
      this.#hosts = hosts;
      for (const listener of this.#listeners) listener(hosts);
    } while (this.#again);
  }
}
