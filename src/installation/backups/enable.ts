/**
 * Giving a cluster a repository elsewhere. All that can be known is checked before anything is written: the program, the
 * place, the credentials, the key, and whose backups are there already. Then the repository gets its place for the
 * cluster, the log goes there from the next file on, and the first full backup is begun.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Asked } from "../../contract/asked.ts";
import {
  enabledSchema,
  type ConnectRequest,
  type Enabled,
  type EnableRequest,
  type PolicyRequest,
} from "../../contract/backups.ts";
import { parsePlace } from "../../contract/repository-place.ts";
import { defaultBackupPolicy, type BackupPolicy, type BackupWish, type Repository } from "../../domain/backup.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { readBook, writeBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import { makeRepositoryDirectory, refuseUnfit } from "../../drivers/pgbackrest/driver.ts";
import type { RepositoryLook, RepositorySecrets } from "../../drivers/pgbackrest/port.ts";
import { problemError } from "../../drivers/pgbackrest/problems.ts";
import { OpError } from "../../errors/op-error.ts";
import { follow } from "../changes.ts";
import { amend, clusterOf, refuseWithoutStore, type Parts } from "../parts.ts";
import { heardOf } from "../placement/forward.ts";
import { enableKind } from "./kinds.ts";
import { forward, pathOf } from "./forward.ts";
import { primaryMember } from "./members.ts";
import { handOut } from "./share.ts";
import { driverOf, hostOfWork, stanzaOf } from "./stanza.ts";
import { takeBack } from "./take-back.ts";
import { takeNow } from "./take.ts";

const keyBytes = 32;

export async function beginEnable(parts: Parts, name: string, request: EnableRequest, asked: Asked): Promise<Enabled> {
  const { record } = clusterOf(parts, name);
  refuseWithoutStore(parts);
  const spec = record.spec.value;
  const before = spec.backups;
  if (before?.repositories.some(({ number }) => number === request.number)) throw taken(name, request.number);
  if (request.number === 2 && !before)
    throw new OpError("bad-value", {
      message: "a second repository comes after the first",
      hint: "Leave --number out.",
    });
  const host = hostOfWork(parts, name);
  if (host !== undefined) return await elsewhere(parts, name, request, { host, asked });
  const { repository, secrets, key } = readWish(request);
  const wish: BackupWish = {
    stanza: before?.stanza ?? name,
    repositories: [...(before?.repositories ?? []), repository].toSorted((a, b) => a.number - b.number),
    policy: policyWith(before?.policy ?? defaultBackupPolicy, request.policy),
  };
  await refuseUnfit(spec.major, wish);
  const book = await bookWith(parts, spec, wish, secrets);
  const operation = parts.operations.begin({
    kind: enableKind,
    cluster: name,
    by: asked.by,
    step: `asking repository ${repository.number} what is in it`,
    stepsTotal: 4,
    exclusive: true,
  });
  return {
    operation: follow(parts, operation, () => enable(parts, { spec, wish, repository, book, id: operation.id, asked })),
    key,
  };
}

interface Enabling {
  readonly spec: ClusterSpec;
  readonly wish: BackupWish;
  readonly repository: Repository;
  readonly book: RepositoryBook;
  readonly id: string;
  readonly asked: Asked;
}

/** Whole, or as it was before. Once the log arrives there it is enabled, whatever becomes of the first backup. */
async function enable(parts: Parts, enabling: Enabling) {
  const { spec, repository, book, id, asked } = enabling;
  const { name } = spec;
  const { number, place, encrypted } = repository;
  // Before anything is written elsewhere: the next agent takes back what this one leaves half done.
  await writeBook(parts, book);
  const made = place.kind === "path" ? await makeRepositoryDirectory(place.path, parts.servers.owner) : undefined;
  let left: readonly string[];
  try {
    left = await connect(parts, enabling, made !== undefined);
  } catch (error) {
    const half = { spec, repository, book: (await readBook(parts, name)) ?? book, made };
    if (!parts.signal.aborted) await takeBack(parts, half).catch(logged(parts, name));
    throw error;
  }
  parts.events.emit(
    "backup.enabled",
    { cluster: name, actor: asked.by },
    { repository: number, to: place.kind, encrypted },
  );
  parts.operations.step(id, "taking the first full backup", 3);
  const taken = await takeNow(parts, name, { repositories: [repository], kind: "full", id, by: asked.by }).catch(
    (error: unknown) => {
      throw parts.signal.aborted ? error : withoutBackup(name, error);
    },
  );
  return { ...taken, ...(left.length === 0 ? {} : { hosts_that_did_not_answer: left.join(", ") }) };
}

/** Until the log arrives there. @returns hosts that did not take the secrets */
async function connect(parts: Parts, enabling: Enabling, isNewPath: boolean): Promise<readonly string[]> {
  const { spec, wish, repository, book, id } = enabling;
  const { name, systemIdentifier } = spec;
  const told = (step: string, done: number): unknown => parts.operations.step(id, step, done);
  // The new one alone: what is wrong with another one is another story.
  const alone = driverOf(parts, stanzaOf(name, { ...wish, repositories: [repository] }, book));
  const [look] = await alone.look();
  refuseForeign(look, systemIdentifier, isNewPath);
  told(`making a place for "${name}" in repository ${repository.number}`, 1);
  const members = primaryMember(parts, name);
  if (look?.isEmpty === true || isNewPath) await writeBook(parts, { ...book, fresh: [repository.number] });
  await alone.create(members);
  // The secrets first: a member that is to push and lacks them keeps its log.
  const left = await handOut(parts, book);
  await amend(parts, name, ({ spec: { value: now } }) => ({
    require: ["spec"],
    write: [{ key: "spec", value: { ...now, backups: wish, generation: now.generation + 1 } }],
  }));
  told("waiting for the log to arrive there", 2);
  await alone.check(members);
  await writeBook(parts, book);
  return left;
}

function withoutBackup(name: string, cause: unknown): OpError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OpError(cause instanceof OpError ? cause.code : "backup-failed", {
    message: `the first full backup failed: ${reason}`,
    detail: `Backups of "${name}" are enabled: its log goes there, and the full backup is tried again by itself.`,
    hint: `See: matriarch backup show ${name}. To try it now: matriarch backup create ${name} --type full`,
    cause,
  });
}

function logged({ log }: Parts, cluster: string): (error: unknown) => void {
  return (error) => log.warn("what a failed enabling left was not taken back", { cluster, error });
}

/** @throws OpError backup-foreign, backup-repository */
function refuseForeign(look: RepositoryLook | undefined, systemIdentifier: string, isNew: boolean): void {
  if (look?.problem && look.problem.kind !== "no-stanza" && !(isNew && look.problem.kind === "refused"))
    throw problemError(look.problem);
  const other = look?.databases.at(-1);
  if (!other || other.systemIdentifier === systemIdentifier) return;
  throw new OpError("backup-foreign", {
    message: "the repository holds the backups of another cluster of this name",
    detail: `Those are of the system ${other.systemIdentifier}, this cluster is ${systemIdentifier}.`,
    hint: "Give another place in it: end --to with another path.",
  });
}

export interface ReadWish {
  readonly repository: Repository;
  readonly secrets: RepositorySecrets;
  /** made here, to be shown once */
  readonly key: string | null;
}

/** @throws OpError bad-value */
export function readWish(request: ConnectRequest): ReadWish {
  const { number, credentials, encrypt, escrow, authorities } = request;
  const place = parsePlace(request);
  const fits = {
    s3: ["keys", "machine"],
    azure: ["azure-key", "azure-sas"],
    gcs: ["gcs-account", "machine"],
    sftp: ["private-key"],
    path: ["none"],
  };
  if (!fits[place.kind].includes(credentials.kind))
    throw new OpError("bad-value", {
      message: `these are no credentials for a repository of kind "${place.kind}"`,
      hint: "See: matriarch backup enable --help",
    });
  if (!encrypt && (request.key !== undefined || escrow))
    throw new OpError("bad-value", { message: "a key has no meaning for a repository that is not encrypted" });
  const made = encrypt && request.key === undefined ? randomBytes(keyBytes).toString("base64url") : null;
  const key = request.key ?? made;
  const id = randomUUID();
  return {
    repository: { number, place, encrypted: encrypt, escrow, secrets: id },
    secrets: {
      id,
      credentials: credentialsOf(credentials),
      ...(key === null ? {} : { key }),
      ...(authorities === undefined ? {} : { authorities }),
    },
    key: made,
  };
}

function credentialsOf(given: ConnectRequest["credentials"]): RepositorySecrets["credentials"] {
  if (given.kind !== "keys") return given;
  const { token, ...keys } = given;
  return { ...keys, ...(token === undefined ? {} : { token }) };
}

export function policyWith(before: BackupPolicy, request: PolicyRequest): BackupPolicy {
  return {
    fullEveryDays: request.full_every_days ?? before.fullEveryDays,
    betweenEveryHours: request.between_every_hours ?? before.betweenEveryHours,
    between: request.between ?? before.between,
    keptDays: request.kept_days ?? before.keptDays,
    keptFulls: request.kept_fulls ?? before.keptFulls,
  };
}

/** @throws OpError repository-exists when repositories of an earlier cluster of this name are known here */
async function bookWith(
  parts: Parts,
  spec: ClusterSpec,
  wish: BackupWish,
  secrets: RepositorySecrets,
): Promise<RepositoryBook> {
  const { name: cluster, systemIdentifier, major } = spec;
  const before = await readBook(parts, cluster);
  if (before && before.systemIdentifier !== systemIdentifier)
    throw new OpError("repository-exists", {
      message: `the repositories of an earlier cluster "${cluster}" are still known here`,
      detail: "Its backups are restored by that name.",
      hint: "Restore what you want of it, or forget them (what is in them stays): matriarch backup disable " + cluster,
    });
  const needed = new Set(wish.repositories.map((one) => one.secrets));
  const others = (before?.secrets ?? []).filter(({ id }) => needed.has(id));
  const { stanza: name, repositories, policy } = wish;
  return { cluster, name, systemIdentifier, major, policy, repositories, secrets: [...others, secrets] };
}

async function elsewhere(
  parts: Parts,
  name: string,
  request: EnableRequest,
  { host, asked }: { readonly host: string; readonly asked: Asked },
): Promise<Enabled> {
  const answer = enabledSchema.parse(await forward(parts, { host, path: pathOf(name), body: request }, asked));
  await heardOf(parts, answer.operation.id);
  return { operation: parts.operations.get(answer.operation.id), key: answer.key };
}

function taken(name: string, number: number): OpError {
  return new OpError("repository-exists", {
    message: `cluster "${name}" has a repository ${number} already`,
    hint:
      number === 1
        ? "For a second copy give --number 2; to change it, disable it first: its backups stay."
        : `To change it, disable it first: matriarch backup disable ${name} --number ${number}`,
  });
}
