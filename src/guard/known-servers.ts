/**
 * The servers that a guard knows of, in a small file: a guard that is started again, and finds that no agent comes, has
 * to end the primaries among them. Read once at its start; later it is written beside the work and never waited for, so
 * a disk that hangs makes it old and nothing else. Holds no secret.
 */
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import type { Log } from "../links/log.ts";
import type { KnownServer } from "./core.ts";
import { parseServers } from "./requests.ts";

export class KnownServers {
  readonly #path: string;
  readonly #log: Log;
  #written: string;
  #wanted: string;
  #isWriting = false;
  readonly atStart: readonly KnownServer[];

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#written = this.#wanted = readQuietly(path);
    this.atStart = this.#parse(this.#written);
  }

  #parse(json: string): readonly KnownServer[] {
    try {
      return json === "" ? [] : parseServers(json);
    } catch (error) {
      this.#log.error("file of known servers is damaged and is not used", { path: this.#path, error });
      return [];
    }
  }

  keep(servers: readonly KnownServer[]): void {
    this.#wanted = JSON.stringify(servers);
    if (!this.#isWriting && this.#wanted !== this.#written) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    const text = this.#wanted;
    try {
      await writeFile(`${this.#path}.new`, text, { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#log.error("known servers cannot be written", { path: this.#path, error });
    }
    // Not tried again before the next change: a disk that is full would be asked without end.
    this.#written = text;
    this.#isWriting = false;
    if (this.#wanted !== text) void this.#write();
  }
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
