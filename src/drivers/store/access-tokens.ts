/**
 * Tokens of callers from other machines, in the store: `token/<id>`. Called by installation/tokens.ts. The secret itself
 * is never kept, only its hash.
 */
import { z } from "zod";

import { roles, type Role } from "../../domain/caller.ts";
import type { Store } from "./port.ts";

export interface AccessTokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, hex */
  readonly secretHash: string;
  /** wall clock */
  readonly createdAt: number;
  readonly createdBy: string;
  /** wall clock; null: until it is revoked */
  readonly expiresAt: number | null;
}

/** For `Store.watch`. */
export const accessTokensPrefix = "token/";

const schema: z.ZodType<AccessTokenRecord> = z.strictObject({
  id: z.string().min(1),
  name: z.string().min(1),
  role: z.enum(roles),
  secretHash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.number(),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
});

/** One that cannot be read lets nobody in, and keeps nobody else out. @throws OpError store-unavailable */
export async function readAccessTokens(store: Store, signal?: AbortSignal): Promise<readonly AccessTokenRecord[]> {
  const { entries } = await store.read(accessTokensPrefix, signal);
  return entries.flatMap(({ key, value }) => {
    const parsed = schema.safeParse(value);
    return parsed.success && key === accessTokensPrefix + parsed.data.id ? [parsed.data] : [];
  });
}

export async function addAccessToken(store: Store, token: AccessTokenRecord): Promise<void> {
  const key = accessTokensPrefix + token.id;
  await store.commit({ require: [{ key, revision: 0 }], put: [{ key, value: token }] });
}

export async function removeAccessToken(store: Store, id: string): Promise<void> {
  await store.commit({ require: [], remove: [accessTokensPrefix + id] });
}
