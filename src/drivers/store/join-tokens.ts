/**
 * Tokens for joining, in the store: `join-token/<id>`. Called by the hosts' part of the installation. The secret itself
 * is never kept, only its hash; what has expired is taken away when a new one is made.
 */
import { z } from "zod";

import type { Versioned } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Store } from "./port.ts";

export interface JoinTokenRecord {
  readonly id: string;
  /** SHA-256 of the secret, hex */
  readonly secretHash: string;
  /** wall clock */
  readonly expiresAt: number;
  readonly usesMax: number;
  /** names of the hosts that it let in */
  readonly usedBy: readonly string[];
  readonly by: string;
}

const prefix = "join-token/";
const schema: z.ZodType<JoinTokenRecord> = z.strictObject({
  id: z.string().min(1),
  secretHash: z.string().regex(/^[0-9a-f]{64}$/),
  expiresAt: z.number(),
  usesMax: z.int().positive(),
  usedBy: z.array(z.string()),
  by: z.string(),
});

/** Also takes away those that have expired before `now`. */
export async function addJoinToken(store: Store, token: JoinTokenRecord, now: number): Promise<void> {
  const { entries } = await store.read(prefix);
  const expired = entries.filter(({ value }) => {
    const parsed = schema.safeParse(value);
    return !parsed.success || parsed.data.expiresAt < now - keptAfterMs;
  });
  const key = prefix + token.id;
  await store.commit({
    require: [{ key, revision: 0 }],
    put: [{ key, value: token }],
    remove: expired.map((entry) => entry.key),
  });
}

/** For a day an expired one is refused as expired, and not as unknown. */
const keptAfterMs = 86_400_000;

/** @returns undefined when there is none, or none that can be read: then it lets nobody in */
export async function readJoinToken(store: Store, id: string): Promise<Versioned<JoinTokenRecord> | undefined> {
  const { entries } = await store.read(prefix + id);
  const entry = entries.find(({ key }) => key === prefix + id);
  const parsed = schema.safeParse(entry?.value);
  return entry && parsed.success ? { value: parsed.data, revision: entry.revision } : undefined;
}

/** @throws OpError busy when it was used or revoked at the same moment */
export async function useJoinToken(store: Store, token: Versioned<JoinTokenRecord>, host: string): Promise<void> {
  const { value, revision } = token;
  if (value.usedBy.includes(host)) return;
  const key = prefix + value.id;
  const used = { ...value, usedBy: [...value.usedBy, host] };
  const outcome = await store.commit({ require: [{ key, revision }], put: [{ key, value: used }] });
  if (outcome.committed) return;
  throw new OpError("busy", { message: "the token is being used by another host at this moment", hint: "Try again." });
}

/** @returns whether there was one */
export async function removeJoinToken(store: Store, id: string): Promise<boolean> {
  const key = prefix + id;
  const { entries } = await store.read(key);
  const entry = entries.find((found) => found.key === key);
  if (!entry) return false;
  await store.commit({ require: [], remove: [key] });
  return true;
}
