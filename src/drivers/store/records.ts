/**
 * One cluster's part of the store as typed records: the keys `cluster/<name>/<record>`, read together and written
 * together. Called by the agent and by whoever writes wishes for it. Says what must be the same as before
 * (`ClusterTxn.require`); decides nothing itself.
 */
import { z } from "zod";
import { attachmentId } from "../../domain/attachment.ts";
import type {
  ClusterRecord,
  ClusterSpec,
  ClusterTxn,
  MemberRecord,
  RecordKey,
  RecordValue,
  Reign,
  RuleRecord,
  Versioned,
} from "../../domain/cluster.ts";
import type { TimelineHistory } from "../../domain/timeline.ts";
import { OpError } from "../../errors/op-error.ts";
import type { CommitOutcome, Store, StoreEntry, StoreSnapshot, StoreTxn } from "./port.ts";
import {
  attachmentSchema,
  intentSchema,
  memberSchema,
  pauseSchema,
  reignSchema,
  ruleSchema,
  schemaOf,
  sleepSchema,
  specSchema,
  timelinesSchema,
  voteSchema,
} from "./record-schemas.ts";

/** For `Store.watch`: everything of one cluster. */
export function clusterPrefix(cluster: string): string {
  return `cluster/${cluster}/`;
}

/** @throws OpError store-damaged (with the record's key and the path in it), store-unavailable */
export async function readCluster(
  store: Store,
  cluster: string,
  signal?: AbortSignal,
  atLeast?: number,
): Promise<ClusterRecord | undefined> {
  return toCluster(cluster, await store.read(clusterPrefix(cluster), signal, atLeast));
}

function toCluster(cluster: string, { revision, entries }: StoreSnapshot): ClusterRecord | undefined {
  if (entries.length === 0) return undefined;
  const records = new Records(cluster, entries);
  return {
    revision,
    spec: records.required("spec", specSchema),
    reign: records.required("reign", reignSchema),
    rule: records.required("rule", ruleSchema),
    timelines: records.required("timelines", timelinesSchema),
    members: records.group("member/", memberSchema, (member) => member.id),
    votes: records.group("vote/", voteSchema, (vote) => vote.voter.member),
    intent: records.optional("intent", intentSchema),
    pause: records.optional("pause", pauseSchema),
    sleep: records.optional("sleep", sleepSchema),
    attachments: records.group("attachment/", attachmentSchema, ({ app }) => attachmentId(app)),
  };
}

/** In the outcome, `changed` names records (`reign`, `vote/shop-2`), not keys of the store. */
export async function commitCluster(
  store: Store,
  cluster: string,
  txn: ClusterTxn,
  signal?: AbortSignal,
): Promise<CommitOutcome> {
  return commitRecords(store, cluster, txn, {}, signal);
}

/**
 * As `commitCluster`, and reads in the same moment.
 * @returns `record`: the cluster after the change, or as it was that refused it; undefined: it is gone
 * @throws OpError like `commitCluster` and `readCluster`
 */
export async function changeCluster(
  store: Store,
  cluster: string,
  txn: ClusterTxn,
): Promise<{ readonly outcome: CommitOutcome; readonly record: ClusterRecord | undefined }> {
  const outcome = await commitRecords(store, cluster, txn, { readBack: clusterPrefix(cluster) });
  return { outcome, record: outcome.now && toCluster(cluster, outcome.now) };
}

async function commitRecords(
  store: Store,
  cluster: string,
  txn: ClusterTxn,
  more: Pick<StoreTxn, "readBack">,
  signal?: AbortSignal,
): Promise<CommitOutcome> {
  const prefix = clusterPrefix(cluster);
  const puts = txn.write.flatMap(({ key, value }) => (value === null ? [] : [{ key, value }]));
  const outcome = await store.commit(
    {
      require: txn.require.map(({ key, revision }) => ({ key: prefix + key, revision })),
      put: puts.map(({ key, value }) => ({ key: prefix + key, value: encodeRecord(key, value) })),
      remove: txn.write.filter(({ value }) => value === null).map(({ key }) => prefix + key),
      ...more,
    },
    signal,
  );
  if (outcome.committed) return outcome;
  return { ...outcome, changed: outcome.changed.map((key) => key.slice(prefix.length)) };
}

/** The first records of a cluster; they appear together or not at all. */
export interface FirstRecords {
  readonly spec: ClusterSpec;
  readonly reign: Reign;
  readonly rule: RuleRecord;
  readonly timelines: TimelineHistory;
  readonly members: readonly MemberRecord[];
}

/** @throws OpError cluster-exists when there is one of this name already */
export async function createCluster(store: Store, first: FirstRecords, signal?: AbortSignal): Promise<number> {
  const { spec, reign, rule, timelines, members } = first;
  const write: { key: RecordKey; value: RecordValue }[] = [
    { key: "spec", value: spec },
    { key: "reign", value: reign },
    { key: "rule", value: rule },
    { key: "timelines", value: timelines },
    ...members.map((member) => ({ key: `member/${member.id}` as const, value: member })),
  ];
  const require = write.map(({ key }) => ({ key, revision: 0 }));
  const outcome = await commitCluster(store, spec.name, { require, write }, signal);
  if (outcome.committed) return outcome.revision;
  throw new OpError("cluster-exists", {
    message: `cluster "${spec.name}" already exists`,
    hint: `Choose another name, or see what it is with: matriarch status ${spec.name}`,
  });
}

/**
 * Removes every record of the cluster, whatever is in them, so that a damaged one can be removed too.
 * @returns false when there was none
 */
export async function removeCluster(store: Store, cluster: string, signal?: AbortSignal): Promise<boolean> {
  const { entries } = await store.read(clusterPrefix(cluster), signal);
  if (entries.length === 0) return false;
  await store.commit({ require: [], remove: entries.map((entry) => entry.key) }, signal);
  return true;
}

/** Names of all clusters, sorted. Those whose records are damaged are named too. */
export async function listClusters(store: Store, signal?: AbortSignal): Promise<readonly string[]> {
  const { entries } = await store.read("cluster/", signal);
  const names = entries.map((entry) => entry.key.split("/")[1]).filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}

/** What was read of one cluster, taken out record by record. */
class Records {
  readonly #cluster: string;
  readonly #entries: readonly StoreEntry[];

  constructor(cluster: string, entries: readonly StoreEntry[]) {
    this.#cluster = cluster;
    this.#entries = entries;
    for (const entry of entries) this.#assertKnown(this.#nameOf(entry));
  }

  required<T>(key: RecordKey, schema: z.ZodType<T>): Versioned<T> {
    const found = this.optional(key, schema);
    if (found) return found;
    throw damaged(clusterPrefix(this.#cluster) + key, "the record is missing");
  }

  optional<T>(key: RecordKey, schema: z.ZodType<T>): Versioned<T> | undefined {
    const entry = this.#entries.find((candidate) => this.#nameOf(candidate) === key);
    return entry && decode(entry, schema);
  }

  group<T>(
    prefix: "member/" | "vote/" | "attachment/",
    schema: z.ZodType<T>,
    idOf: (value: T) => string,
  ): Record<string, Versioned<T>> {
    const found: Record<string, Versioned<T>> = {};
    for (const entry of this.#entries.filter((candidate) => this.#nameOf(candidate).startsWith(prefix))) {
      const id = this.#nameOf(entry).slice(prefix.length);
      const record = decode(entry, schema);
      if (idOf(record.value) !== id) throw damaged(entry.key, `it speaks of "${idOf(record.value)}"`);
      found[id] = record;
    }
    return found;
  }

  #nameOf(entry: StoreEntry): string {
    return entry.key.slice(clusterPrefix(this.#cluster).length);
  }

  #assertKnown(name: string): void {
    if (singleRecords.has(name) || /^(member|vote|attachment)\/[^/]+$/.test(name)) return;
    throw damaged(clusterPrefix(this.#cluster) + name, "no record of this name is known to this version");
  }
}

const singleRecords: ReadonlySet<string> = new Set(["spec", "reign", "rule", "timelines", "intent", "pause", "sleep"]);

/** A value that does not fit its schema is a defect of the writer, and is not written. */
function encodeRecord(key: RecordKey, value: RecordValue): unknown {
  return z.encode(schemaOf(key), value);
}

function decode<T>(entry: StoreEntry, schema: z.ZodType<T>): Versioned<T> {
  const parsed = schema.safeParse(entry.value);
  if (parsed.success) return { value: parsed.data, revision: entry.revision };
  throw damaged(entry.key, formatIssues(parsed.error), parsed.error);
}

function formatIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join(".") || "(whole)"}: ${issue.message}`).join("; ");
}

function damaged(key: string, reason: string, cause?: unknown): OpError {
  return new OpError("store-damaged", {
    message: `the store's record "${key}" cannot be read`,
    detail: `${reason}.`,
    hint: "It was written by a newer version, or damaged. Nothing has been changed.",
    cause,
  });
}
