/**
 * The time by which things are destroyed because theirs is over. A clock that jumps ahead, by years for want of a battery,
 * must not end every fork and every snapshot at once: this time follows the clock no faster than a day in an hour, from
 * where an agent of this home has seen it last. A host that was off for a while catches up, and somebody can see to a
 * clock that is wrong. Used by the care of storage alone.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceDurably } from "../../drivers/postgres/provision/durable.ts";

/** How much faster than time itself it may go. */
const pace = 24;
/** Less is told to nobody: an agent that was restarted. */
const toldMs = 3_600_000;

export interface PatientParts {
  readonly clock: { readonly now: () => number; readonly wallNow: () => number };
  readonly file: string;
  /** the clock is this far ahead of what was seen; once, until it has been caught up with */
  readonly jumped: (aheadMs: number) => void;
}

const schema = z.strictObject({ seen: z.number() });

export class PatientTime {
  readonly #parts: PatientParts;
  #seen: { readonly time: number; readonly at: number } | undefined;
  #isTold = false;

  constructor(parts: PatientParts) {
    this.#parts = parts;
  }

  /** Never later than the clock says. */
  async now(): Promise<number> {
    const { clock, file } = this.#parts;
    const [at, wall] = [clock.now(), clock.wallNow()];
    const before = this.#seen ?? { time: (await this.#read()) ?? wall, at };
    const time = Math.min(wall, before.time + (at - before.at) * pace);
    this.#seen = { time, at };
    this.#tell(wall - time);
    await replaceDurably(file, `${JSON.stringify({ seen: time })}\n`);
    return time;
  }

  #tell(aheadMs: number): void {
    if (aheadMs < toldMs) return void (this.#isTold = false);
    if (!this.#isTold) this.#parts.jumped(aheadMs);
    this.#isTold = true;
  }

  async #read(): Promise<number | undefined> {
    const text = await readFile(this.#parts.file, "utf8").catch(() => "");
    try {
      return schema.parse(JSON.parse(text)).seen;
    } catch {
      return undefined;
    }
  }
}
