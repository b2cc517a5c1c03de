/** What is done about a live import is done on the host of the primary: its agent looks after it, and has its files. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../../contract/asked.ts";
import { operationSchema } from "../../contract/cluster.ts";
import type { OperationRecord } from "../../events/event.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";

const forwardMs = 120_000;
const heardMs = 5000;
const lookMs = 50;

/** @returns undefined when the primary is here, or there is none */
export function hostOfPrimary(parts: Parts, name: string): string | undefined {
  const cluster = clusterOf(parts, name);
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  return record && !isHere(parts, record) ? record.host : undefined;
}

/** @param verb "" to begin one. The whole request; a password in it goes over mutual TLS, as it came. */
export async function forward(
  parts: Parts,
  {
    host,
    cluster,
    verb,
    body,
  }: { readonly host: string; readonly cluster: string; readonly verb: string; readonly body: unknown },
  { by }: Asked,
): Promise<OperationRecord> {
  const path = `/v1/clusters/${encodeURIComponent(cluster)}/imports${verb === "" ? "" : `/${verb}`}`;
  const as = { by, role: "operator" } as const;
  const answer = await parts.hosts.call(host, { method: "POST", path, body, as, deadlineMs: forwardMs });
  const { id } = operationSchema.parse(answer);
  const until = performance.now() + heardMs;
  while (!parts.operations.has(id) && performance.now() < until)
    await sleep(lookMs, undefined, { signal: parts.signal });
  return parts.operations.get(id);
}
