/** What must be done where the primary's files are is asked of that host's agent; its operation is followed here. */
import { operationSchema, type Operation } from "../../contract/cluster.ts";
import type { Asked } from "../../contract/asked.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { heardOf } from "../placement/forward.ts";

const forwardMs = 60_000;

export interface Forwarded {
  readonly host: string;
  readonly path: string;
  readonly body: object & { readonly here?: boolean };
}

/** @throws OpError busy when that host thinks that another one is to do it */
export async function forward(parts: Parts, { host, path, body }: Forwarded, { by }: Asked): Promise<unknown> {
  if (body.here === true)
    throw new OpError("busy", { message: "the primary is moving to another host", hint: "Try again in a moment." });
  return await parts.hosts.call(host, {
    method: "POST",
    path,
    body: { ...body, here: true },
    as: { by, role: "admin" },
    deadlineMs: forwardMs,
  });
}

export async function forwardOperation(parts: Parts, forwarded: Forwarded, asked: Asked): Promise<Operation> {
  const { id } = operationSchema.parse(await forward(parts, forwarded, asked));
  await heardOf(parts, id);
  return parts.operations.get(id);
}

export function pathOf(cluster: string, rest = ""): string {
  return `/v1/clusters/${encodeURIComponent(cluster)}/backups${rest}`;
}
