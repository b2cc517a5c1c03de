/**
 * What agents do about proofs by themselves: the one that has the primary begins those that are due, has marked tables
 * counted once a day, and tells when a proof is overdue; each removes what an agent before it left of one. What is due
 * follows from what was recorded, so that neither a new agent nor a new primary forgets a turn or takes one twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isToRest, type ClusterRecord, type ClusterSpec } from "../../domain/cluster.ts";
import { isProofDue, isProofOverdue, type ProofRecord } from "../../domain/proof.ts";
import { proofPolicyOf } from "../../domain/proof-policy.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";
import { proofsOf, refreshProofs } from "./book.ts";
import { beginProof, countNow } from "./prove.ts";
import { removeLeftProofs } from "./scratch.ts";

const firstLookMs = 5000;
const lookEveryMs = 60_000;
const retryMs = 3_600_000;
const countEveryMs = 86_400_000;
const matriarch = { by: "matriarch" } as const;

/** What is asked of the agent, so that it can be tried on a clock of a test's own. */
export interface ProofCareParts {
  readonly records: () => readonly ClusterRecord[];
  /** the primary's files are on this host */
  readonly isOurs: (record: ClusterRecord) => boolean;
  readonly wallNow: () => number;
  readonly proofs: (spec: ClusterSpec) => ProofRecord;
  readonly isBusy: (cluster: string) => boolean;
  readonly begin: (cluster: string) => Promise<unknown>;
  readonly count: (spec: ClusterSpec) => Promise<void>;
  /** it stands in the events that it is overdue, and none has passed since */
  readonly isTold: (cluster: string) => boolean;
  readonly overdue: (cluster: string) => void;
  readonly postponed: (cluster: string, reason: string) => void;
  readonly failed: (cluster: string, error: unknown) => void;
}

export class ProofCare {
  readonly #parts: ProofCareParts;
  /** wall clock, by cluster: when one was begun last, whatever came of it */
  readonly #tried = new Map<string, number>();
  /** by cluster: why it was put off last, so that the same is told once a day */
  readonly #told = new Map<string, { readonly reason: string; readonly at: number }>();

  constructor(parts: ProofCareParts) {
    this.#parts = parts;
  }

  async look(): Promise<void> {
    const { records, isOurs, failed } = this.#parts;
    for (const record of records()) {
      if (isToRest(record) || !isOurs(record)) continue;
      const spec = record.spec.value;
      await this.#lookAt(spec).catch((error: unknown) => failed(spec.name, error));
    }
  }

  async #lookAt(spec: ClusterSpec): Promise<void> {
    const { name, createdAt } = spec;
    const { wallNow, proofs: recordOf, isTold, overdue, isBusy } = this.#parts;
    const now = wallNow();
    const policy = proofPolicyOf(spec);
    const { proofs, counts } = recordOf(spec);
    const scheduled = { cluster: name, policy, createdAt, proofs };
    if (isProofOverdue(scheduled, now) && !isTold(name)) overdue(name);
    const newest = counts.at(-1)?.endedAt ?? 0;
    if (policy.tables.length > 0 && Math.abs(now - newest) >= countEveryMs) await this.#parts.count(spec);
    if (isBusy(name) || !isProofDue(scheduled, now)) return;
    const triedAt = this.#tried.get(name);
    // A clock that went back is no reason to wait.
    if (triedAt !== undefined && now >= triedAt && now - triedAt < retryMs) return;
    this.#tried.set(name, now);
    await this.#parts.begin(name).catch((error: unknown) => this.#putOff(name, error));
  }

  #putOff(name: string, error: unknown): void {
    // One is under way, which may be given up: not tried at all.
    if (error instanceof OpError && error.code === "busy") this.#tried.delete(name);
    const isReason =
      error instanceof OpError &&
      ["too-little-disk", "restore-out-of-window", "backup-repository"].includes(error.code);
    if (!isReason) throw error;
    const now = this.#parts.wallNow();
    const told = this.#told.get(name);
    if (told && told.reason === error.code && Math.abs(now - told.at) < countEveryMs) return;
    this.#told.set(name, { reason: error.code, at: now });
    this.#parts.postponed(name, error.message);
  }
}

/** Until the agent ends. */
export async function careForProofs(parts: Parts): Promise<void> {
  const care = new ProofCare(carePartsOf(parts));
  await sleep(firstLookMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
  while (!parts.signal.aborted) {
    await lookOnce(parts, care).catch((error: unknown) => parts.log.warn("the look at proofs failed", { error }));
    await sleep(lookEveryMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
  }
}

async function lookOnce(parts: Parts, care: ProofCare): Promise<void> {
  await removeLeftProofs(parts, (id) => isUnderWay(parts, id));
  await refreshProofs(parts);
  await care.look();
}

export function isUnderWay({ operations }: Pick<Parts, "operations">, id: string): boolean {
  return operations.has(id) && operations.get(id).state === "running";
}

function carePartsOf(parts: Parts): ProofCareParts {
  const { events, operations } = parts;
  const newest = (cluster: string, type: string): number => events.list({ cluster, type, limit: 1 }).at(-1)?.id ?? 0;
  return {
    records: () => [...parts.runtime.clusters.values()].map(({ record }) => record),
    isOurs: ({ members, reign }) => {
      const holder = members[reign.value.holder]?.value;
      return holder !== undefined && reign.value.phase === "open" && isHere(parts, holder);
    },
    wallNow: () => parts.clock.wallNow(),
    proofs: (spec) => proofsOf(parts, spec),
    isBusy: (cluster) => operations.underWay(cluster).length > 0,
    begin: (cluster) => beginProof(parts, cluster, { here: false }, matriarch),
    count: (spec) => countNow(parts, spec),
    isTold: (cluster) => newest(cluster, "proof.overdue") > newest(cluster, "proof.passed"),
    overdue: (cluster) => void events.emit("proof.overdue", { cluster }),
    postponed: (cluster, reason) => void events.emit("proof.postponed", { cluster }, { reason }),
    failed: (cluster, error) => {
      if (!(error instanceof OpError && error.code === "busy"))
        parts.log.warn("the look at proofs failed", { cluster, error });
    },
  };
}
