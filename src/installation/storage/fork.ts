/**
 * A new cluster from a copy of another one: of a member as it is now, of a snapshot, or of what it was at a chosen time,
 * whether its cluster still exists or not. Made on the host that has what is copied; the source is only read. What comes
 * out has an identity and passwords of its own and none of the source's ties.
 */
import type { Asked } from "../../contract/asked.ts";
import { createdSchema, type CreateRequest } from "../../contract/cluster.ts";
import type { Created } from "../../contract/installation.ts";
import type { ForkRequest, RestoreRequest } from "../../contract/storage.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { OpError } from "../../errors/op-error.ts";
import { isInRepository, isOfRepository, ofRepository } from "../backups/restore-source.ts";
import { hostWithSecrets } from "../backups/share.ts";
import { beginCreate, type Seed } from "../create.ts";
import { forkKind, restoreKind } from "../making.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { heardOf } from "../placement/forward.ts";
import { engineOfCopy } from "./own-engine.ts";
import { collectFor } from "./restore/collect-here.ts";
import { hostsToRestoreOn, isRefusal, onFirstThatCan } from "./restore/host.ts";
import { readTarget } from "./restore/target.ts";
import { refuseUnknown } from "./restore/unknown.ts";
import { chooseMember } from "./snapshots/choose.ts";
import { findSnapshot } from "./snapshots/list.ts";
import { ofLog, ofMember, ofSnapshot, type Source } from "./sources.ts";
import { sow } from "./sow.ts";

const forwardMs = 30_000;

export async function beginFork(parts: Parts, name: string, request: ForkRequest, asked: Asked): Promise<Created> {
  const { member, ...rest } = request;
  const target = await readTarget(parts, name, request);
  if (target.kind !== "newest" && member !== undefined)
    throw new OpError("usage", {
      message: "a member was named, and a time",
      detail: "What a cluster was at a time comes from a snapshot and the log, and not from a member.",
    });
  if (target.kind !== "newest") return begin(parts, name, { request: rest, target, kind: forkKind }, asked);
  const host = await hostToCopyOn(parts, name, request);
  if (host !== undefined) return forward(parts, name, "forks", { ...request, here: true }, { host, asked });
  const { snapshot } = request;
  const source = snapshot === undefined ? ofMember(parts, name, member) : await ofSnapshot(parts, name, snapshot);
  return create(parts, name, { sources: [source], request, kind: forkKind }, asked);
}

/** Without a target: the newest that there is; of a snapshot alone, that snapshot. */
export async function beginRestore(
  parts: Parts,
  name: string,
  request: RestoreRequest,
  asked: Asked,
): Promise<Created> {
  refuseTwoOrigins(request);
  const target = await readTarget(parts, name, request);
  const isOfSnapshot = target.kind === "newest" && (request.snapshot ?? request.backup) !== undefined;
  return begin(parts, name, { request, target: isOfSnapshot ? { kind: "base" } : target, kind: restoreKind }, asked);
}

/** What it begins with lies on a host, or in a repository. */
function refuseTwoOrigins(request: RestoreRequest): void {
  if (request.snapshot === undefined || !isOfRepository(request)) return;
  throw new OpError("usage", {
    message: "a snapshot was named, and a backup or the repository",
    hint: "Give --snapshot, or one of --backup and --from-repository.",
  });
}

interface Beginning {
  readonly request: RestoreRequest;
  readonly target: RecoveryTarget;
  readonly kind: Seed["kind"];
}

async function begin(parts: Parts, name: string, beginning: Beginning, asked: Asked): Promise<Created> {
  const { request, target, kind } = beginning;
  const what = kind === forkKind ? "forks" : "restores";
  if (isOfRepository(request)) {
    const host = request.here ? undefined : await hostWithSecrets(parts, name);
    if (host !== undefined) return forward(parts, name, what, { ...request, here: true }, { host, asked });
    const sources = await ofRepository(parts, name, target, request.backup);
    return create(parts, name, { sources, request, kind }, asked);
  }
  const onHost = (host: string | undefined): Promise<Created> =>
    host === undefined
      ? beginHere(parts, name, beginning, asked)
      : forward(parts, name, what, { ...request, here: true }, { host, asked });
  try {
    const hosts = await hostsToRestoreOn(parts, name, target, request);
    return await onFirstThatCan(parts, name, { target, hosts }, onHost);
  } catch (error) {
    const isNothing = isRefusal(error) || (error instanceof OpError && error.code === "cluster-not-found");
    const isElsewhere = isNothing && !request.here && request.snapshot === undefined;
    if (!isElsewhere || !(await isInRepository(parts, name))) {
      if (isNothing && !request.here) await refuseUnknown(parts, name);
      throw error;
    }
    // What the repository says of the target is the better answer where there is one.
    return begin(parts, name, { ...beginning, request: { ...request, from_repository: true } }, asked);
  }
}

async function beginHere(parts: Parts, name: string, beginning: Beginning, asked: Asked): Promise<Created> {
  const { request, target, kind } = beginning;
  const { snapshot } = request;
  await collectFor(parts, name).catch((error: unknown) =>
    parts.log.warn("the log was not collected", { cluster: name, error }),
  );
  const sources =
    target.kind === "base" && snapshot !== undefined
      ? [await ofSnapshot(parts, name, snapshot)]
      : await ofLog(parts, name, { target, snapshot });
  return create(parts, name, { sources, request, kind }, asked);
}

interface Creating {
  readonly sources: readonly Source[];
  readonly request: ForkRequest;
  readonly kind: Seed["kind"];
}

async function create(parts: Parts, name: string, creating: Creating, asked: Asked): Promise<Created> {
  const { sources, request, kind } = creating;
  const [source] = sources;
  if (!source) throw new Error("there is nothing to copy");
  // Over several hosts each further member is on another one.
  await source.check(parts.hosts.self === undefined ? (request.members ?? 1) : 1);
  const expires = request.expires_ms === undefined ? {} : { expiresAt: parts.clock.wallNow() + request.expires_ms };
  const { script } = request;
  const isToInspect = kind === restoreKind;
  const { wanted, instead } = await engineOfCopy(parts, source.spec, source.version);
  const seed: Seed = {
    kind,
    inherited: {
      fork: { of: name, at: source.at, ...expires },
      namedLibraries: source.spec.namedLibraries ?? [],
    },
    make: async (wish) => {
      const sown = await sow(parts, { sources, script, isToInspect }, wish);
      return instead === undefined ? sown : { ...sown, result: { ...sown.result, runs_on: instead } };
    },
  };
  const wish = { ...createRequestOf(parts, source.spec, request), minor_version: wanted.version };
  return beginCreate(parts, wish, asked, seed);
}

/** The host that has what is copied; undefined when this one does. @throws OpError snapshot-not-found, host-unreachable, no-candidate */
async function hostToCopyOn(
  parts: Parts,
  name: string,
  { snapshot: id, member, here }: ForkRequest,
): Promise<string | undefined> {
  if (parts.hosts.self === undefined || here) return undefined;
  if (id === undefined) {
    const chosen = chooseMember(clusterOf(parts, name), member, (one) => isHere(parts, one));
    return isHere(parts, chosen.member) ? undefined : chosen.member.host;
  }
  const { host } = await findSnapshot(parts, name, id);
  return host === parts.hosts.self.name ? undefined : host;
}

/** As the source was, for what its data and its clients rely on; small otherwise. */
function createRequestOf({ hosts }: Parts, spec: ClusterSpec, request: ForkRequest): CreateRequest {
  const { name, members = 1, port, password, volume_bytes: volume = spec.volumeBytes } = request;
  return {
    name,
    members,
    version: spec.major,
    engine: spec.engine,
    ...(spec.engineDirectory === undefined ? {} : { engine_directory: spec.engineDirectory }),
    durability: spec.durability,
    settings: spec.settings,
    ...(port === undefined ? {} : { port }),
    ...(password === undefined ? {} : { password }),
    ...(volume === undefined ? {} : { volume_bytes: volume }),
    ...(spec.limited?.memory ? { memory_bytes: spec.memoryBytes } : {}),
    ...(spec.limited?.cpus ? { cpus: spec.cpus } : {}),
    ...(hosts.self === undefined ? {} : { first_host: hosts.self.name }),
  };
}

async function forward(
  parts: Parts,
  name: string,
  what: "forks" | "restores",
  body: ForkRequest,
  { host, asked: { by } }: { readonly host: string; readonly asked: Asked },
): Promise<Created> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/${what}`,
    body,
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  const created = createdSchema.parse(answer);
  await heardOf(parts, created.operation.id);
  return created;
}
