/** What `--dry-run` of switchover and failover shows: the verdict on every member. */
import type { Candidate } from "../../contract/cluster.ts";
import type { Outcome } from "../context.ts";
import { renderCandidates } from "../output/explain.ts";

/** Exit code 3 when nobody would be chosen: the change itself would be refused. */
export function candidatesOutcome(candidates: readonly Candidate[]): Outcome {
  const isPossible = candidates.some((candidate) => candidate.chosen);
  return {
    json: candidates,
    text: (paint) => `${renderCandidates(candidates, paint)}\nNothing was changed.`,
    exitCode: isPossible ? 0 : 3,
  };
}
