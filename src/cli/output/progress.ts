/**
 * Progress on stderr: on a terminal one line that turns, and a tick for each step that ended; elsewhere a line per
 * step. Never writes to stdout.
 */
import { stripVTControlCharacters } from "node:util";

import { formatDuration } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";

export interface Progress {
  /** The step that runs now; the one before is over. */
  step(text: string): void;
  /** Takes the turning line away; `ok` ticks the last step. */
  end(ok: boolean): void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const plainFrames = ["-", "\\", "|", "/"];
const frameMs = 80;
/** A step that tells how far it is takes a line so often, where there is no terminal. */
const plainEveryMs = 10_000;
/** What is over sooner than this needs no turning line. */
const quietMs = 250;

export function createProgress(stderr: NodeJS.WriteStream, paint: Paint): Progress {
  return stderr.isTTY ? new TurningLine(stderr, paint) : new PlainLines(stderr);
}

class PlainLines implements Progress {
  readonly #stderr: NodeJS.WriteStream;
  #last = "";
  #writtenAt = 0;

  constructor(stderr: NodeJS.WriteStream) {
    this.#stderr = stderr;
  }

  step(text: string): void {
    if (text === "" || text === this.#last) return;
    const isSame = isSameStep(this.#last, text);
    this.#last = text;
    if (isSame && Date.now() - this.#writtenAt < plainEveryMs) return;
    this.#writtenAt = Date.now();
    this.#stderr.write(`${text}\n`);
  }

  end(): void {}
}

class TurningLine implements Progress {
  readonly #stderr: NodeJS.WriteStream;
  readonly #paint: Paint;
  readonly #frames = isUnicode() ? frames : plainFrames;
  readonly #tick = isUnicode() ? "✓" : "ok";
  #current: { readonly text: string; readonly since: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(stderr: NodeJS.WriteStream, paint: Paint) {
    this.#stderr = stderr;
    this.#paint = paint;
  }

  step(text: string): void {
    if (text === "" || text === this.#current?.text) return;
    const since = this.#current && isSameStep(this.#current.text, text) ? this.#current.since : undefined;
    if (since === undefined) this.#finish(true);
    this.#current = { text, since: since ?? Date.now() };
    this.#timer ??= setInterval(() => this.#draw(), frameMs);
  }

  end(ok: boolean): void {
    this.#finish(ok);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    if (!this.#current || Date.now() - this.#current.since < quietMs) return;
    this.#turn += 1;
    const frame = this.#frames[this.#turn % this.#frames.length] ?? "";
    const took = formatDuration(Math.floor((Date.now() - this.#current.since) / 1000) * 1000);
    this.#write(
      `${this.#paint("warn", frame)} ${this.#current.text} ${this.#paint("dim", took === "0 ms" ? "" : took)}`,
    );
  }

  #finish(ok: boolean): void {
    if (!this.#current) return;
    const took = this.#paint("dim", formatDuration(Date.now() - this.#current.since));
    this.#write(ok ? `${this.#paint("good", this.#tick)} ${this.#current.text} ${took}\n` : "");
    this.#current = undefined;
  }

  /** Over the line as it is, without a flash: back to its begin, and what is left of it is cleared after. */
  #write(text: string): void {
    const columns = this.#stderr.columns || 80;
    const plainLength = stripVTControlCharacters(text).length;
    const cut = plainLength > columns && !text.endsWith("\n") ? text.slice(0, columns - 1) : text;
    this.#stderr.write(cut.endsWith("\n") ? `\r${cut.slice(0, -1)}\u001b[K\n` : `\r${cut}\u001b[K`);
  }
}

/** "copying: 2 of 9 MB" and "copying: 3 of 9 MB" are one step that tells how far it is. */
function isSameStep(before: string, after: string): boolean {
  const at = after.indexOf(": ");
  return at > 0 && before.startsWith(after.slice(0, at + 2));
}

function isUnicode(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");
}
