/**
 * Which etcd was the store, and how far it had come, on this host's disk: so that an agent that was restarted refuses
 * another etcd, or one that was restored from an old copy, as the one before it would have. Used by the agent's entry.
 */
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { EtcdIdentity } from "../../../etcd/identity.ts";

const schema = z.strictObject({ clusterId: z.string().regex(/^\d+$/), revision: z.int().nonnegative() });
const writeEveryMs = 5000;

/** @returns undefined when nothing is known: on a new host, or because the file is damaged or was removed by hand */
export function readKnownEtcd(file: string): EtcdIdentity | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

export class KnownEtcd {
  readonly #file: string;
  readonly #identity: () => EtcdIdentity | undefined;
  readonly #timer: NodeJS.Timeout;
  #written = "";

  /** @param identity as it is now; called again and again */
  constructor(file: string, identity: () => EtcdIdentity | undefined) {
    this.#file = file;
    this.#identity = identity;
    this.#timer = setInterval(() => void this.write(), writeEveryMs).unref();
  }

  /** Not flushed: a file that is a few seconds old refuses a little less, and nothing wrongly. */
  async write(): Promise<void> {
    const identity = this.#identity();
    const text = identity === undefined ? "" : `${JSON.stringify(identity)}\n`;
    if (text === this.#written) return;
    this.#written = text;
    await writeFile(`${this.#file}.new`, text, { mode: 0o600 })
      .then(() => rename(`${this.#file}.new`, this.#file))
      .catch(() => void (this.#written = ""));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }
}
