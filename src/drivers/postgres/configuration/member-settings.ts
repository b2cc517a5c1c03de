/**
 * The settings of one member's server: those that it should have, those that it started with, and those with which it
 * last ran, which it falls back to when it does not start with others. Used by the member's server alone. What ran and
 * what failed is kept in a file beside the data directory, so that an agent that begins anew does not try it again.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { WantedSettings } from "../port.ts";
import type { Settings } from "./defaults.ts";
import { withMinimums } from "./minimums.ts";

const settingsSchema = z.record(z.string(), z.string());
const keptSchema = z.object({
  ran: settingsSchema.optional(),
  failed: z.object({ settings: settingsSchema, words: z.string() }).optional(),
});
type Kept = z.infer<typeof keptSchema>;

export class MemberSettings {
  readonly #dataDirectory: string;
  #wanted: WantedSettings;
  #started: Settings | undefined;
  #adopted: Settings | undefined;
  #filesSay: Settings | undefined;
  #kept: Promise<Kept> | undefined;
  #refused: string | undefined;

  constructor(dataDirectory: string, wanted: WantedSettings) {
    this.#dataDirectory = dataDirectory;
    this.#wanted = wanted;
    this.#adopted = wanted.settings;
  }

  get wanted(): Settings {
    return this.#wanted.settings;
  }

  /** generation whose settings the files say; 0: they say others */
  get configured(): number {
    return this.#filesSay !== undefined && isSame(this.#filesSay, this.wanted) ? this.#wanted.generation : 0;
  }

  /** why the server runs with others than the wanted ones, in its own words */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** @param again the files are to be written with a new generation, even if it changes nothing */
  want(wanted: WantedSettings, again = false): void {
    if (again && wanted.generation > this.#wanted.generation) this.#filesSay = undefined;
    this.#wanted = wanted;
  }

  /** by this agent: otherwise nobody knows whether the server has read its files since they were */
  get isWritten(): boolean {
    return this.#filesSay !== undefined;
  }

  written(settings: Settings): void {
    this.#filesSay = settings;
  }

  /**
   * What a start is to use. @param failure words of the last start, if it failed
   * @param as a standby must not have less than its primary had, as its own control file tells
   */
  async forStart(as: "primary" | "standby", failure: string | undefined): Promise<Settings> {
    const kept = await this.#read();
    if (failure !== undefined) await this.#blame(kept, failure);
    const { ran, failed } = await this.#read();
    const isKnownToFail = ran !== undefined && failed !== undefined && isSame(failed.settings, this.wanted);
    const chosen = isKnownToFail ? ran : this.wanted;
    this.#refused = isKnownToFail ? failed.words : undefined;
    this.#started = as === "standby" ? await withMinimums(chosen, this.#dataDirectory) : chosen;
    return this.#started;
  }

  /** The server is up: with these it can be started again. One that was adopted runs with what it should have had then. */
  async ran(): Promise<void> {
    const started = this.#started ?? this.#adopted;
    if (started === undefined) return;
    const { ran, failed } = await this.#read();
    const isAdopted = this.#started === undefined;
    this.#started = this.#adopted = undefined;
    if (isAdopted && ran !== undefined) return;
    if (ran === undefined || !isSame(ran, started)) await this.#write({ ran: started, failed });
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** The wanted ones are to blame if others are known to run; which of the two it is, the next start shows. */
  async #blame({ ran }: Kept, words: string): Promise<void> {
    const started = this.#started;
    if (started === undefined || ran === undefined || isSame(ran, started) || tellsTooLow(words)) return;
    await this.#write({ ran, failed: { settings: this.wanted, words } });
  }

  #read(): Promise<Kept> {
    this.#kept ??= readFile(this.#path, "utf8").then(
      (text) => keptSchema.parse(JSON.parse(text)),
      () => ({}),
    );
    return this.#kept.catch(() => ({}));
  }

  async #write(kept: Kept): Promise<void> {
    this.#kept = Promise.resolve(kept);
    const temporary = `${this.#path}.tmp`;
    // Without it a later failure is met less well; the start itself must not fail of it.
    await writeFile(temporary, JSON.stringify(kept), { mode: 0o600 })
      .then(() => rename(temporary, this.#path))
      .catch(() => undefined);
  }

  get #path(): string {
    return `${this.#dataDirectory}.settings.json`;
  }
}

/** The primary has raised one of them while this standby was down: its control file knows by now. */
function tellsTooLow(words: string): boolean {
  return words.includes("insufficient parameter settings") || words.includes("hot standby is not possible");
}

function isSame(a: Settings, b: Settings): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
