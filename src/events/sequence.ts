/**
 * The sequence of what this host writes into its event file: by it the other hosts know what they have of it already.
 * Called by the logs of this folder for every row. A number is never given twice, not even by a file that was lost or
 * put back: it is the wall clock's milliseconds where that is ahead of the last number.
 */

export class Sequence {
  #last: number;
  readonly #now: () => number;

  constructor(last: number, now: () => number) {
    this.#last = last;
    this.#now = now;
  }

  get last(): number {
    return this.#last;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, this.#now());
    return this.#last;
  }

  /** Another host has a row of ours with this number. */
  learn(seq: number): void {
    this.#last = Math.max(this.#last, seq);
  }
}
