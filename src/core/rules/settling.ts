/**
 * What was written with an unknown outcome, or by an earlier life of this agent, may arrive in the store at any later
 * time. Every record of the protocol requires the writer's own member record to be unchanged, so writing that one anew
 * settles all of them: from then on each has arrived or never will (docs/decisions/2026-11-21-late-records.md).
 */
import type { RecordAction } from "../action.ts";
import type { Rule } from "../decision.ts";
import { ownRecord } from "../standing.ts";
import { settleTxn } from "../transactions.ts";

export const settleRecords: Rule = (view) => {
  if (view.memory.settled || ownRecord(view) === undefined) return undefined;
  return {
    actions: [{ kind: "record", what: "member", txn: settleTxn(view) }],
    because: { code: "settling", unsure: view.memory.unsure.length },
  };
};

export function isSettling(action: RecordAction): boolean {
  return action.what === "member" && action.txn.write.some(({ value }) => value !== null);
}
