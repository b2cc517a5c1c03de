/**
 * Tokens with a role for callers from other machines: made, listed, revoked, and recognized. Recognizing never waits for
 * the store: what is there is kept in memory and read again when it changes, so that people can come in while the store
 * is away. Made by the agent's entry; `ownerOf` is part of the API's gate.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

import type { Asked } from "../contract/installation.ts";
import type { CreatedToken, Token, TokenRequest, TokensInstallation } from "../contract/tokens.ts";
import type { Role } from "../domain/caller.ts";
import { accessTokens, type AccessTokenRecord } from "../drivers/store/access-records.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import { KnownRecords } from "./known-records.ts";

const form = /^mtr_([0-9a-f]{12})_([\w-]{43})$/;

export interface TokensParts {
  readonly store: Store;
  readonly wallNow: () => number;
  /** told when the store could not be read; what was read last stays */
  readonly trouble: (error: unknown) => void;
}

export class AccessTokens implements TokensInstallation {
  readonly #parts: TokensParts;
  readonly #known: KnownRecords<AccessTokenRecord>;

  constructor(parts: TokensParts) {
    const { store, trouble } = parts;
    this.#parts = parts;
    const read = (signal: AbortSignal) => accessTokens.read(store, signal);
    this.#known = new KnownRecords({ store, prefix: accessTokens.prefix, read, trouble });
  }

  /** Begins to read and to watch; returns when they were read, or could not be. */
  start(signal: AbortSignal): Promise<void> {
    return this.#known.start(signal);
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
    const records = await accessTokens.read(this.#parts.store);
    return records.toSorted((a, b) => a.createdAt - b.createdAt).map((record) => this.#told(record));
  }

  async create({ name, role, expires_ms }: TokenRequest, asked: Asked): Promise<CreatedToken> {
    const now = this.#parts.wallNow();
    // A store that is away is found out before it may have been written to.
    await accessTokens.read(this.#parts.store);
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
    await accessTokens.add(this.#parts.store, record);
    this.#known.add(record);
    return { ...this.#told(record), token: `mtr_${record.id}_${secret}` };
  }

  async revoke(id: string): Promise<void> {
    const records = await accessTokens.read(this.#parts.store);
    if (!records.some((record) => record.id === id)) {
      throw new OpError("token-not-found", {
        message: `there is no token "${id}"`,
        hint: "See what there is with: matriarch token list",
      });
    }
    await accessTokens.remove(this.#parts.store, id);
    this.#known.remove(id);
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
}

/** Secrets are 256 random bits: a plain hash cannot be turned back, and costs nothing on every request. */
function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function isExpired({ expiresAt }: AccessTokenRecord, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}
