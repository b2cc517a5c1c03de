/** A cluster is made where its first member goes: when that is another host, its agent is asked to make it. */
import { setTimeout as sleep } from "node:timers/promises";

import { createdSchema, type CreateRequest } from "../../contract/cluster.ts";
import type { Asked, Created } from "../../contract/installation.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import type { ClusterPlaces } from "./plan.ts";

const makeMs = 30_000;
const heardWithinMs = 5000;
const heardLookMs = 50;

/** @returns the host whose agent must make it; undefined when this one does. @throws OpError no-host */
export function firstHostElsewhere(
  { hosts }: Parts,
  request: CreateRequest,
  { hosts: chosen }: ClusterPlaces,
): string | undefined {
  const first = chosen[0]?.name;
  if (first === undefined || first === hosts.self?.name) return undefined;
  if (request.first_host === undefined) return first;
  throw new OpError("no-host", {
    message: `host "${request.first_host}" was asked to make the first member, and cannot take it`,
    detail: "The hosts see each other differently at this moment.",
    hint: "Try again; see matriarch host list.",
  });
}

/** The whole request; the password in it goes over mutual TLS, as it came. */
export async function forwardCreate(
  parts: Parts,
  request: CreateRequest,
  host: string,
  { by }: Asked,
): Promise<Created> {
  const body: CreateRequest = { ...request, first_host: host };
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: "/v1/clusters",
    body,
    as: { by, role: "operator" },
    deadlineMs: makeMs,
  });
  const created = createdSchema.parse(answer);
  await heardOf(parts, created.operation.id);
  return created;
}

/** Whoever asked follows the operation here: it must be known by then, though another host has begun it. */
export async function heardOf({ operations, signal }: Parts, id: string): Promise<void> {
  const deadline = performance.now() + heardWithinMs;
  while (!operations.has(id) && performance.now() < deadline) await sleep(heardLookMs, undefined, { signal });
}

type OperationsSeen = { readonly operations: Pick<Parts["operations"], "host" | "underWay"> } & Pick<Parts, "signal">;

/** Another host has destroyed the cluster that had the name last, and its end may not be known here yet. */
export async function destroyHeardOf({ operations, signal }: OperationsSeen, cluster: string): Promise<void> {
  const deadline = performance.now() + heardWithinMs;
  const isToBeHeard = (): boolean =>
    operations
      .underWay(cluster)
      .some(({ kind, host }) => kind === "destroy" && host !== null && host !== operations.host);
  while (isToBeHeard() && performance.now() < deadline) await sleep(heardLookMs, undefined, { signal });
}
