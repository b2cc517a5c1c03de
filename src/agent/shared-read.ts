/**
 * Reading a cluster's records anew when much asks for it at once: callers at the same time share a read that began after
 * they called. Called by the cluster's loop.
 */
export class SharedRead {
  readonly #read: (atLeast: number | undefined) => Promise<void>;
  #reading: Promise<void> | undefined;
  #again = false;
  /** the read to come must have this revision; undefined: it is to be the newest */
  #wanted: number | undefined;

  constructor(read: (atLeast: number | undefined) => Promise<void>) {
    this.#read = read;
  }

  /** @param atLeast undefined: the newest there is */
  async refresh(atLeast?: number): Promise<void> {
    this.#wanted = atLeast === undefined || !this.#again ? atLeast : this.#wanted && Math.max(this.#wanted, atLeast);
    this.#again = true;
    this.#reading ??= this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilFresh(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#read(this.#wanted);
    }
  }
}
