/**
 * Requests with an Idempotency-Key in an installation over several hosts: in the store at `request/<id>`, so that one
 * that is sent again to another host is known there too, also when the host that did it is lost. Asked by the API; what
 * is kept is sealed by it, and the store does not have the key that opens it. Never more than a bound of each host's.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import type { KeptRequest } from "../events/request-keys.ts";

export interface SharedRequestsParts {
  readonly store: Store;
  /** name of this host */
  readonly host: string;
  readonly wallNow: () => number;
  readonly log: { warn(message: string, fields: Readonly<Record<string, unknown>>): void };
}

const prefix = "request/";
const keptMs = 24 * 3_600_000;
/** Of this host, in the store at once: some two megabytes. The oldest go first. */
const ownMax = 2000;
/** For one that another host is doing now. */
const waitMs = 10_000;
const lookEveryMs = 200;
const triesMax = 5;

const recordSchema = z.object({
  fingerprint: z.string(),
  host: z.string(),
  begunAt: z.number(),
  /** base64; null: it was begun */
  sealed: z.string().nullable(),
});
type RequestRecord = z.infer<typeof recordSchema>;

export class SharedRequests {
  readonly #parts: SharedRequestsParts;
  /** oldest first */
  readonly #own = new Map<string, RequestRecord>();

  constructor(parts: SharedRequestsParts) {
    this.#parts = parts;
  }

  /**
   * Before it is done, so that a crash in between is known.
   * @returns what is known of it when it was begun before, here or elsewhere; of one that another host is doing, its end
   * @throws OpError store-unavailable; busy
   */
  async begin(id: string, fingerprint: string): Promise<KeptRequest | undefined> {
    const { host, wallNow } = this.#parts;
    const since = wallNow();
    for (let tries = 0; tries < triesMax;) {
      const found = await this.#find(id);
      if (found && found.begunAt > wallNow() - keptMs) {
        if (!isUnderWay(found, host) || wallNow() - since > waitMs) return keptOf(found);
        await sleep(lookEveryMs);
        continue;
      }
      const record: RequestRecord = { fingerprint, host, begunAt: wallNow(), sealed: null };
      if (await this.#claim(id, record, found?.revision ?? 0)) return undefined;
      tries += 1;
    }
    throw new OpError("busy", { message: "the Idempotency-Key is being used by others at the same time" });
  }

  /** One whose end cannot be written down stays known as begun. */
  async finish(id: string, sealed: Uint8Array): Promise<void> {
    const record = this.#own.get(id);
    if (!record) return;
    const value: RequestRecord = { ...record, sealed: Buffer.from(sealed).toString("base64") };
    await this.#parts.store.commit({ require: [], put: [{ key: prefix + id, value }] }).catch(this.#trouble);
  }

  /** Nothing was changed: it may be sent again. */
  async forget(id: string): Promise<void> {
    this.#own.delete(id);
    await this.#remove([id]);
  }

  /** Those of more than a day ago go, whoever's they are; and this host learns which are its own. */
  async sweep(): Promise<void> {
    const { store, host, wallNow } = this.#parts;
    const found = (await store.read(prefix)).entries.flatMap(({ key, value }) => {
      const parsed = recordSchema.safeParse(value);
      return parsed.success ? [{ id: key.slice(prefix.length), record: parsed.data }] : [];
    });
    const isOld = ({ record }: (typeof found)[number]): boolean => record.begunAt <= wallNow() - keptMs;
    await this.#remove(found.filter(isOld).map(({ id }) => id));
    const own = found.filter((one) => !isOld(one) && one.record.host === host);
    const known = new Map(this.#own);
    this.#own.clear();
    for (const { id, record } of own.toSorted((a, b) => a.record.begunAt - b.record.begunAt)) this.#own.set(id, record);
    for (const [id, record] of known) this.#own.set(id, record);
    await this.#dropOldest();
  }

  async #find(id: string): Promise<(RequestRecord & { readonly revision: number }) | undefined> {
    const { entries } = await this.#parts.store.read(prefix + id);
    const entry = entries.find(({ key }) => key === prefix + id);
    const parsed = recordSchema.safeParse(entry?.value);
    return entry && parsed.success ? { ...parsed.data, revision: entry.revision } : undefined;
  }

  async #claim(id: string, record: RequestRecord, revision: number): Promise<boolean> {
    const key = prefix + id;
    const outcome = await this.#parts.store
      .commit({ require: [{ key, revision }], put: [{ key, value: record }] })
      .catch(async (error: unknown) => {
        // Written or not, nothing has been done for it yet.
        if (error instanceof OpError && error.code === "store-outcome-unknown") await this.#unclaim(id, record);
        throw error;
      });
    if (!outcome.committed) return false;
    this.#own.set(id, record);
    await this.#dropOldest();
    return true;
  }

  async #unclaim(id: string, { host, begunAt }: RequestRecord): Promise<void> {
    const found = await this.#find(id).catch(() => undefined);
    if (found?.host !== host || found.begunAt !== begunAt) return;
    const key = prefix + id;
    await this.#parts.store
      .commit({ require: [{ key, revision: found.revision }], remove: [key] })
      .catch(this.#trouble);
  }

  async #dropOldest(): Promise<void> {
    const tooMany = [...this.#own.keys()].slice(0, Math.max(0, this.#own.size - ownMax));
    for (const id of tooMany) this.#own.delete(id);
    await this.#remove(tooMany);
  }

  /** Few at once: a transaction of an etcd that is not ours takes 128 changes. */
  async #remove(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += 100)
      await this.#parts.store
        .commit({ require: [], remove: ids.slice(at, at + 100).map((id) => prefix + id) })
        .catch(this.#trouble);
  }

  readonly #trouble = (error: unknown): void => this.#parts.log.warn("request keys not kept", { error });
}

/** This host's own is done by now: the API lets the same key wait here. */
function isUnderWay({ sealed, host }: RequestRecord, here: string): boolean {
  return sealed === null && host !== here;
}

function keptOf({ fingerprint, sealed }: RequestRecord): KeptRequest {
  return { fingerprint, sealed: sealed === null ? undefined : Buffer.from(sealed, "base64") };
}
