/**
 * What is remembered of proofs, by cluster, under `proof/<name>`: outside of the cluster's own records, which an older
 * release would not know, and which end with it.
 */
import { z } from "zod";
import type { ProofRecord } from "../../domain/proof.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Store } from "./port.ts";

const prefix = "proof/";
const triesMax = 5;

const count = z.int().nonnegative();
const changes = z.object({ inserted: count, deleted: count });

const recordSchema: z.ZodType<ProofRecord> = z.object({
  systemIdentifier: z.string(),
  proofs: z.array(
    z.object({
      at: z.number(),
      tookMs: z.number(),
      by: z.string(),
      from: z.enum(["snapshot", "backup"]),
      base: z.string(),
      target: z.number(),
      newestCommit: z.number().exactOptional(),
      problems: z.array(z.string()),
      bytes: count,
      tables: count,
      rows: count,
      whole: count,
      unchecked: count,
      pages: count,
      counts: z.array(
        z.object({
          table: z.string(),
          rows: count.nullable(),
          atLeast: count.nullable(),
          atMost: count.nullable(),
          verdict: z.enum(["within", "outside", "unsure"]),
        }),
      ),
    }),
  ),
  counts: z.array(
    z.object({
      table: z.string(),
      begunAt: z.number(),
      endedAt: z.number(),
      rows: count,
      before: changes,
      after: changes,
      origin: z.string(),
    }),
  ),
  run: z
    .object({
      number: count,
      operation: z.string(),
      host: z.string(),
      by: z.string(),
      until: z.number(),
    })
    .exactOptional(),
});

/** By cluster. What a newer release wrote in another form counts as none. */
export async function readProofs(store: Store): Promise<ReadonlyMap<string, ProofRecord>> {
  const { entries } = await store.read(prefix);
  return new Map(
    entries.flatMap(({ key, value }) => {
      const parsed = recordSchema.safeParse(value);
      return parsed.success ? [[key.slice(prefix.length), parsed.data] as const] : [];
    }),
  );
}

/** @param change may be called again, with what another host has written meanwhile. @returns what is written now */
export async function changeProofs(
  store: Store,
  cluster: string,
  change: (before: ProofRecord | undefined) => ProofRecord,
): Promise<ProofRecord> {
  const key = prefix + cluster;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { entries } = await store.read(key);
    const entry = entries.find((one) => one.key === key);
    const before = recordSchema.safeParse(entry?.value);
    const value = change(before.success ? before.data : undefined);
    const outcome = await store.commit({ require: [{ key, revision: entry?.revision ?? 0 }], put: [{ key, value }] });
    if (outcome.committed) return value;
  }
  throw new OpError("busy", { message: `the record of proofs of "${cluster}" keeps changing`, hint: "Try again." });
}
