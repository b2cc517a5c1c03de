/** What the API may ask about proofs, each delegated to where it is done. */
import type { Asked } from "../../contract/asked.ts";
import type { ProofPolicyRequest, Proofs, ProofsInstallation, ProofStatus } from "../../contract/proof.ts";
import { isProofOverdue, lastPassed, nextProofAt, type Proof } from "../../domain/proof.ts";
import { proofPolicyOf, type ProofPolicy } from "../../domain/proof-policy.ts";
import { amend, clusterOf, refuseWithoutStore, type Parts } from "../parts.ts";
import { hostOfWork } from "../backups/stanza.ts";
import { changeBook, proofsOf, refreshProofs } from "./book.ts";
import { parseTable, primaryHere, refuseUnknown } from "./counts.ts";
import { beginProof, countNow } from "./prove.ts";
import { proofsSchema } from "../../contract/proof.ts";

const forwardMs = 60_000;

export function createProofs(parts: Parts): ProofsInstallation {
  return {
    begin: (cluster, request, asked) => beginProof(parts, cluster, request, asked),
    show: (cluster) => showProofs(parts, cluster),
    set: (cluster, request, asked) => setPolicy(parts, cluster, request, asked),
  };
}

async function showProofs(parts: Parts, name: string): Promise<Proofs> {
  clusterOf(parts, name);
  await refreshProofs(parts);
  return proofsNow(parts, name);
}

/** As this agent has read it last. */
function proofsNow(parts: Parts, name: string): Proofs {
  const spec = clusterOf(parts, name).record.spec.value;
  const policy = proofPolicyOf(spec);
  const { proofs } = proofsOf(parts, spec);
  const scheduled = { cluster: name, policy, createdAt: spec.createdAt, proofs };
  const now = parts.clock.wallNow();
  return {
    cluster: name,
    every_days: policy.everyDays,
    tables: [...policy.tables],
    next_at: timeText(spec.wish === "running" ? nextProofAt(scheduled, now) : undefined),
    last_passed_at: timeText(lastPassed(proofs)?.at),
    is_overdue: isProofOverdue(scheduled, now),
    proofs: proofs.map(proofStatus),
  };
}

function timeText(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

function proofStatus(proof: Proof): ProofStatus {
  const { by, from, base } = proof;
  return {
    made_at: new Date(proof.at).toISOString(),
    took_ms: proof.tookMs,
    by,
    passed: proof.problems.length === 0,
    from,
    base,
    restored_to: new Date(proof.target).toISOString(),
    newest_change: timeText(proof.newestCommit),
    problems: [...proof.problems],
    size_bytes: proof.bytes,
    tables: proof.tables,
    rows_about: proof.rows,
    checked: proof.whole,
    unchecked: proof.unchecked,
    pages: proof.pages,
    counts: proof.counts.map(({ table, rows, atLeast, atMost, verdict }) => ({
      table,
      rows,
      at_least: atLeast,
      at_most: atMost,
      verdict,
    })),
  };
}

async function setPolicy(parts: Parts, name: string, request: ProofPolicyRequest, asked: Asked): Promise<Proofs> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  const added = request.add_tables ?? [];
  for (const table of added) parseTable(table);
  // Where the primary is, new tables are looked for, and counted at once.
  const host = added.length === 0 ? undefined : hostOfWork(parts, name);
  if (host !== undefined) return forward(parts, name, { host, request }, asked);
  const target = added.length === 0 ? undefined : primaryHere(parts, name);
  if (target) await refuseUnknown(target, added);
  let policy: ProofPolicy | undefined;
  await amend(parts, name, ({ spec: { value: now } }) => {
    policy = policyWith(proofPolicyOf(now), request, parts.clock.wallNow());
    const value = { ...now, proofs: policy, generation: now.generation + 1 };
    return { require: ["spec"], write: [{ key: "spec", value }] };
  });
  if (!policy) throw new Error("nothing was written");
  const { everyDays, tables } = policy;
  parts.events.emit("proof.policy-changed", { cluster: name, actor: asked.by }, { every_days: everyDays, tables });
  const spec = { ...clusterOf(parts, name).record.spec.value, proofs: policy };
  await changeBook(parts, spec, (before) => ({
    ...before,
    counts: before.counts.filter(({ table }) => tables.includes(table)),
  }));
  if (added.length > 0) await countNow(parts, spec);
  return { ...proofsNow(parts, name), every_days: everyDays, tables: [...tables] };
}

function policyWith(before: ProofPolicy, request: ProofPolicyRequest, now: number): ProofPolicy {
  const gone = new Set(request.remove_tables);
  const tables = [...new Set([...before.tables, ...(request.add_tables ?? [])])].filter((table) => !gone.has(table));
  const { every_days: everyDays = before.everyDays } = request;
  // A new time begins with its wish.
  return { everyDays, tables, since: everyDays === before.everyDays ? before.since : now };
}

async function forward(
  parts: Parts,
  name: string,
  { host, request }: { readonly host: string; readonly request: ProofPolicyRequest },
  { by }: Asked,
): Promise<Proofs> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/proofs/policy`,
    body: request,
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  return proofsSchema.parse(answer);
}
