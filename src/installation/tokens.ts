/**
 * Tokens with a role for callers from other machines: made, listed, revoked, and recognized. Recognizing never waits for
 * the store: what is there is kept in memory and read again when it changes, so that people can come in while the store
 * is away. Made by the agent's entry; `ownerOf` is part of the API's gate.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

import type { Asked } from "../contract/installation.ts";
import type { CreatedToken, Token, TokenRequest, TokensInstallation } from "../contract/tokens.ts";
import type { Role } from "../domain/caller.ts";
import {
  accessTokensPrefix,
  addAccessToken,
  readAccessTokens,
  removeAccessToken,
  type AccessTokenRecord,
} from "../drivers/store/access-tokens.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";

const form = /^mtr_([0-9a-f]{12})_([\w-]{43})$/;
/** Where a watch says nothing, a token that another host has revoked is still found out. */
const readEveryMs = 30_000;

export interface TokensParts {
  readonly store: Store;
  readonly wallNow: () => number;
  /** told when the store could not be read; what was read last stays */
  readonly trouble: (error: unknown) => void;
}

export class AccessTokens implements TokensInstallation {
  readonly #parts: TokensParts;
  #known: ReadonlyMap<string, AccessTokenRecord> = new Map();
  #reading: Promise<void> | undefined;
  #readAgain = false;

  constructor(parts: TokensParts) {
    this.#parts = parts;
  }

  /** Begins to read and to watch; returns when they were read, or could not be. */
  async start(signal: AbortSignal): Promise<void> {
    const read = () => void this.#refresh();
    this.#parts.store.watch(accessTokensPrefix, read, signal);
    const timer = setInterval(read, readEveryMs).unref();
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    await this.#refresh();
  }

  /** @returns undefined for one that is unknown, expired or revoked */
  ownerOf(token: string): { readonly name: string; readonly role: Role } | undefined {
    const [, id = "", secret = ""] = form.exec(token) ?? [];
    const found = this.#known.get(id);
    if (!found || isExpired(found, this.#parts.wallNow())) return undefined;
    if (!timingSafeEqual(Buffer.from(found.secretHash, "hex"), hashOf(secret))) return undefined;
    return { name: found.name, role: found.role };
  }

  async list(): Promise<readonly Token[]> {
    const records = await readAccessTokens(this.#parts.store);
    return records.toSorted((a, b) => a.createdAt - b.createdAt).map((record) => this.#told(record));
  }

  async create({ name, role, expires_ms }: TokenRequest, asked: Asked): Promise<CreatedToken> {
    const now = this.#parts.wallNow();
    const secret = randomBytes(32).toString("base64url");
    const record: AccessTokenRecord = {
      id: randomBytes(6).toString("hex"),
      name,
      role,
      secretHash: hashOf(secret).toString("hex"),
      createdAt: now,
      createdBy: asked.by,
      expiresAt: expires_ms === undefined ? null : now + expires_ms,
    };
    await addAccessToken(this.#parts.store, record);
    this.#known = new Map(this.#known).set(record.id, record);
    return { ...this.#told(record), token: `mtr_${record.id}_${secret}` };
  }

  async revoke(id: string): Promise<void> {
    const records = await readAccessTokens(this.#parts.store);
    if (!records.some((record) => record.id === id)) {
      throw new OpError("token-not-found", {
        message: `there is no token "${id}"`,
        hint: "See what there is with: matriarch token list",
      });
    }
    await removeAccessToken(this.#parts.store, id);
    this.#known = new Map([...this.#known].filter(([known]) => known !== id));
  }

  #told({ id, name, role, createdAt, createdBy, expiresAt }: AccessTokenRecord): Token {
    return {
      id,
      name,
      role,
      created_at: new Date(createdAt).toISOString(),
      created_by: createdBy,
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      expired: expiresAt !== null && expiresAt <= this.#parts.wallNow(),
    };
  }

  /** One reading at a time; a change during one makes another. */
  #refresh(): Promise<void> {
    this.#readAgain = true;
    this.#reading ??= this.#readUntilQuiet().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readUntilQuiet(): Promise<void> {
    while (this.#readAgain) {
      this.#readAgain = false;
      try {
        const records = await readAccessTokens(this.#parts.store, AbortSignal.timeout(5000));
        this.#known = new Map(records.map((record) => [record.id, record]));
      } catch (error) {
        this.#parts.trouble(error);
      }
    }
  }
}

/** Secrets are 256 random bits: a plain hash cannot be turned back, and costs nothing on every request. */
function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function isExpired({ expiresAt }: AccessTokenRecord, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}
