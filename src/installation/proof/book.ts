/** What is remembered of proofs, as this agent has read it last (for the status), and as the store has it (for changes). */
import { changeProofs, readProofs } from "../../drivers/store/proof-records.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import type { ProofRecord } from "../../domain/proof.ts";
import type { Parts } from "../parts.ts";

type BookParts = Pick<Parts, "store" | "proofs">;
type Subject = Pick<ClusterSpec, "name" | "systemIdentifier">;

/** Called once in a while: others write, too. */
export async function refreshProofs({ store, proofs }: BookParts): Promise<void> {
  const read = await readProofs(store);
  for (const name of proofs.keys()) if (!read.has(name)) proofs.delete(name);
  for (const [name, record] of read) proofs.set(name, record);
}

/** What stands there of an earlier cluster of this name is none of this one's. */
export function proofsOf({ proofs }: Pick<Parts, "proofs">, { name, systemIdentifier }: Subject): ProofRecord {
  return ownOf(proofs.get(name), systemIdentifier);
}

export async function changeBook(
  { store, proofs }: BookParts,
  { name, systemIdentifier }: Subject,
  change: (before: ProofRecord) => ProofRecord,
): Promise<void> {
  proofs.set(name, await changeProofs(store, name, (before) => change(ownOf(before, systemIdentifier))));
}

function ownOf(record: ProofRecord | undefined, systemIdentifier: string): ProofRecord {
  return record?.systemIdentifier === systemIdentifier ? record : { systemIdentifier, proofs: [], counts: [] };
}
