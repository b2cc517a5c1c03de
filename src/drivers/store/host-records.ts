/**
 * The installation's and its hosts' part of the store as typed records: the keys `installation` and `host/<name>`.
 * Called by `host init` and `host join`, by whoever places members, and by the agent. Decides nothing itself.
 */
import { z } from "zod";
import type { Versioned } from "../../domain/cluster.ts";
import {
  usualSettings,
  type HostRecord,
  type InstallationRecord,
  type InstallationSettings,
} from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";
import type { CommitOutcome, Store, StoreEntry } from "./port.ts";

/** For `Store.watch`: all hosts. */
export const hostsPrefix = "host/";
const installationKey = "installation";
const settingsKey = "settings";

const text = z.string().min(1);
const majors = z.array(z.int().positive());

const hostSchema: z.ZodType<HostRecord> = z.strictObject({
  name: text,
  address: text,
  basePort: z.int().min(1).max(65_535),
  region: text,
  zone: text,
  labels: z.record(z.string(), z.string()),
  version: text,
  state: z.enum(["active", "draining"]),
  runsStore: z.boolean(),
  engines: z.strictObject({ embedded: majors, system: majors }),
  machine: z.strictObject({ memoryBytes: z.number().positive(), cpus: z.number().positive() }).exactOptional(),
  keyFingerprint: z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 in hex"),
  signs: z.boolean(),
  joinedAt: z.number(),
});

const installationSchema: z.ZodType<InstallationRecord> = z.strictObject({
  id: text,
  caFingerprint: z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 in hex"),
  createdAt: z.number(),
});

const settingsSchema: z.ZodType<InstallationSettings> = z.strictObject({
  replaceAfterMs: z.int().positive().nullable(),
});

/** @throws OpError store-damaged, store-unavailable */
export async function readInstallation(
  store: Store,
  signal?: AbortSignal,
): Promise<Versioned<InstallationRecord> | undefined> {
  const { entries } = await store.read(installationKey, signal);
  const entry = entries.find(({ key }) => key === installationKey);
  return entry && decode(entry, installationSchema);
}

/**
 * Says whose store this is, together with its first host.
 * @throws OpError store-taken when the store says already whose it is, whatever the rest of it holds
 */
export async function writeInstallation(
  store: Store,
  installation: InstallationRecord,
  firstHost: HostRecord,
  signal?: AbortSignal,
): Promise<number> {
  const outcome = await store.commit(
    {
      require: [{ key: installationKey, revision: 0 }],
      put: [
        { key: installationKey, value: z.encode(installationSchema, installation) },
        { key: hostKey(firstHost.name), value: z.encode(hostSchema, firstHost) },
      ],
    },
    signal,
  );
  if (outcome.committed) return outcome.revision;
  throw new OpError("store-taken", {
    message: "the store holds the data of an installation already",
    hint: "Join that installation with: matriarch host join TOKEN. Or give another store or --store-prefix.",
  });
}

/** The usual ones where none were written. @throws OpError store-damaged, store-unavailable */
export async function readSettings(store: Store, signal?: AbortSignal): Promise<InstallationSettings> {
  const { entries } = await store.read(settingsKey, signal);
  const entry = entries.find(({ key }) => key === settingsKey);
  return entry ? decode(entry, settingsSchema).value : usualSettings;
}

/** The newest wins. */
export async function writeSettings(store: Store, settings: InstallationSettings, signal?: AbortSignal): Promise<void> {
  await store.commit({ require: [], put: [{ key: settingsKey, value: z.encode(settingsSchema, settings) }] }, signal);
}

/**
 * All hosts by name, sorted; revisions are for `commitHost`.
 * @throws OpError store-damaged (with the record's key and the path in it), store-unavailable
 */
export async function listHosts(store: Store, signal?: AbortSignal): Promise<readonly Versioned<HostRecord>[]> {
  const { entries } = await store.read(hostsPrefix, signal);
  return entries.map(decodeHost);
}

export async function readHost(
  store: Store,
  name: string,
  signal?: AbortSignal,
): Promise<Versioned<HostRecord> | undefined> {
  const { entries } = await store.read(hostKey(name), signal);
  const entry = entries.find(({ key }) => key === hostKey(name));
  return entry && decodeHost(entry);
}

/**
 * Writes the record if it is as it was read.
 * @param revision of the record as it was read; 0: there must be no host of this name
 */
export function commitHost(
  store: Store,
  host: HostRecord,
  revision: number,
  signal?: AbortSignal,
): Promise<CommitOutcome> {
  const key = hostKey(host.name);
  const put = [{ key, value: z.encode(hostSchema, host) }];
  return store.commit({ require: [{ key, revision }], put }, signal);
}

/** Writes the record of one of them if all are as they were read: what it says depends on the others. */
export function commitHostAmong(
  store: Store,
  host: HostRecord,
  all: readonly Versioned<HostRecord>[],
  signal?: AbortSignal,
): Promise<CommitOutcome> {
  const require = all.map(({ value, revision }) => ({ key: hostKey(value.name), revision }));
  return store.commit({ require, put: [{ key: hostKey(host.name), value: z.encode(hostSchema, host) }] }, signal);
}

/** @param revision of the record as it was read: a host that joined again meanwhile stays */
export function removeHost(store: Store, name: string, revision: number, signal?: AbortSignal): Promise<CommitOutcome> {
  const key = hostKey(name);
  return store.commit({ require: [{ key, revision }], remove: [key] }, signal);
}

function hostKey(name: string): string {
  return hostsPrefix + name;
}

function decodeHost(entry: StoreEntry): Versioned<HostRecord> {
  const record = decode(entry, hostSchema);
  if (hostKey(record.value.name) === entry.key) return record;
  throw damaged(entry.key, `it speaks of host "${record.value.name}"`);
}

function decode<T>(entry: StoreEntry, schema: z.ZodType<T>): Versioned<T> {
  const parsed = schema.safeParse(entry.value);
  if (parsed.success) return { value: parsed.data, revision: entry.revision };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(whole)"}: ${issue.message}`);
  throw damaged(entry.key, problems.join("; "), parsed.error);
}

function damaged(key: string, reason: string, cause?: unknown): OpError {
  return new OpError("store-damaged", {
    message: `the store's record "${key}" cannot be read`,
    detail: `${reason}.`,
    hint: "It was written by a newer version, or damaged. Nothing has been changed.",
    cause,
  });
}
