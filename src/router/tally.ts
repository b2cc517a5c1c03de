/**
 * Counts that all threads of a router see: connections, and sessions by member. Each thread writes a row of its own in
 * shared memory, so that nobody waits for anybody, and the row of a thread that died is simply cleared. Names are
 * hashed to places; two names that meet share a count, which does no more than shift the balance among read targets.
 */
const places = 1024;
/** Place 0, which no name is hashed to. */
const connectionsPlace = 0;

export function tallyMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * places * Int32Array.BYTES_PER_ELEMENT);
}

export class Tally {
  readonly #rows: Int32Array;
  readonly #own: number;

  /** @param thread whose row this one writes */
  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#rows = new Int32Array(memory);
    this.#own = thread * places;
  }

  addConnections(by: 1 | -1): void {
    Atomics.add(this.#rows, this.#own + connectionsPlace, by);
  }

  /** of all threads */
  get connections(): number {
    return this.#total(connectionsPlace);
  }

  /** of this thread alone */
  get ownConnections(): number {
    return Atomics.load(this.#rows, this.#own + connectionsPlace);
  }

  addSessions(endpoint: string, member: string, by: 1 | -1): void {
    Atomics.add(this.#rows, this.#own + placeOf(endpoint, member), by);
  }

  /** of all threads */
  sessions(endpoint: string, member: string): number {
    return this.#total(placeOf(endpoint, member));
  }

  clear(thread: number): void {
    this.#rows.fill(0, thread * places, (thread + 1) * places);
  }

  #total(place: number): number {
    let total = 0;
    for (let at = place; at < this.#rows.length; at += places) total += Atomics.load(this.#rows, at);
    return total;
  }
}

function placeOf(endpoint: string, member: string): number {
  let hash = 7;
  for (const letter of `${endpoint}/${member}`) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003;
  return 1 + (hash % (places - 1));
}
