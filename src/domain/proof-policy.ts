/** How often a cluster is restored as a test, as it stands in its spec. Pure. */

export interface ProofPolicy {
  /** 0: never by itself */
  readonly everyDays: number;
  /** `database.schema.table`: their rows are counted, here and in the copy */
  readonly tables: readonly string[];
  /** when it was set last: nothing is overdue that was not asked for */
  readonly since: number;
}

export const defaultProofPolicy: ProofPolicy = { everyDays: 7, tables: [], since: 0 };

export function proofPolicyOf(spec: { readonly proofs?: ProofPolicy }): ProofPolicy {
  return spec.proofs ?? defaultProofPolicy;
}
