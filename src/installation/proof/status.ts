/** A cluster's proofs in its status: whether it is known that it can be restored. Pure. */
import type { ClusterStatus } from "../../contract/cluster.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { isProofOverdue, lastPassed, type ProofRecord } from "../../domain/proof.ts";
import { proofPolicyOf } from "../../domain/proof-policy.ts";

export function proofStatusOf(spec: ClusterSpec, { proofs }: ProofRecord, now: number): ClusterStatus["proof"] {
  const policy = proofPolicyOf(spec);
  const passed = lastPassed(proofs);
  const [problem = null] = proofs.at(-1)?.problems ?? [];
  return {
    every_days: policy.everyDays,
    passed_at: passed === undefined ? null : new Date(passed.at).toISOString(),
    problem,
    is_overdue: isProofOverdue({ cluster: spec.name, policy, createdAt: spec.createdAt, proofs }, now),
  };
}
