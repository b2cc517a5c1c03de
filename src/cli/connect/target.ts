/**
 * Which server a session goes to. User postgres of this machine is known by the member's Unix socket and needs no
 * password; anybody else, and who is on another machine than the member, goes through the endpoint, over TLS.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { ClusterStatus, MemberStatus } from "../../contract/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Client } from "../client/client.ts";

export interface Target {
  /** what the prompt shows */
  readonly name: string;
  /** directory of a Unix socket, or a host's name */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** file of the authority that signed the server's certificate; undefined over a Unix socket */
  readonly sslrootcert: string | undefined;
}

interface Wanted {
  readonly cluster: string;
  readonly role: "primary" | "read" | "pooled";
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** false when the agent is on another machine: then none of its sockets is here */
  readonly isHere: boolean;
  /** of this machine, when it is one of several hosts */
  readonly ownHost: string | undefined;
}

/** How long a failover may take before `connect` gives up waiting for a primary. */
const primaryWithinMs = 15_000;
/** For so long an election may lack votes, and still come about. */
const hopelessWithinMs = 4000;

/** @throws OpError cluster-not-found, cluster-stopped, no-primary */
export async function chooseTarget(client: Client, wanted: Wanted): Promise<Target> {
  const { cluster, role } = wanted;
  const user = wanted.user ?? (process.env["PGUSER"] || "postgres");
  const database = wanted.database ?? (process.env["PGDATABASE"] || "postgres");
  // Its users come through the pooler, by whatever name.
  if (user === "postgres" && wanted.isHere && role !== "pooled") {
    const { id, host: itsHost, socket_directory: host, port } = await findMember(client, cluster, role);
    if (wanted.ownHost === undefined || itsHost === wanted.ownHost || existsSync(join(host, `.s.PGSQL.${port}`)))
      return { name: id, host, port, user, database, sslrootcert: undefined };
  }
  const { host, port, sslrootcert } = await client.connection(cluster, { role, user, database });
  return { name: `${cluster} ${role}`, host, port, user, database, sslrootcert };
}

async function findMember(client: Client, cluster: string, role: "primary" | "read"): Promise<MemberStatus> {
  const status = await client.status(cluster);
  const found = pick(status, role);
  if (found) return found;
  if (status.state === "stopped") {
    throw new OpError("cluster-stopped", {
      message: `cluster "${cluster}" is stopped`,
      hint: `Start it with: matriarch start ${cluster}`,
    });
  }
  // Not by way of an endpoint, which would wake it. Somebody else may be doing so already.
  if (status.state === "asleep") await client.start(cluster).catch(passOverBusy);
  return waitForMember(client, cluster, role);
}

function passOverBusy(error: unknown): void {
  if (!(error instanceof OpError && error.code === "busy")) throw error;
}

async function waitForMember(client: Client, cluster: string, role: "primary" | "read"): Promise<MemberStatus> {
  const hopeless = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(primaryWithinMs), hopeless.signal]);
  const beganAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let detail = "";
  try {
    for await (const status of client.watchStatus(cluster, signal)) {
      const found = pick(status, role);
      if (found) return found;
      detail = status.detail;
      if (isHopeless(status)) timer ??= setTimeout(() => hopeless.abort(), hopelessWithinMs);
      else {
        clearTimeout(timer);
        timer = undefined;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  throw new OpError("no-primary", {
    message: `cluster "${cluster}" has no primary`,
    detail: `Waited ${((performance.now() - beganAt) / 1000).toFixed(0)} s for one: ${detail}.`,
    hint: `See why with: matriarch explain ${cluster}`,
  });
}

/** An election lacks votes, which may be so for a moment in any; or nothing can be written down. */
function isHopeless({ state, store }: ClusterStatus): boolean {
  return state === "unavailable" || !store.reachable;
}

/** For reads the standby that is least behind, else the primary; without any primary, a standby that has lost it. */
function pick({ primary, members }: ClusterStatus, role: "primary" | "read"): MemberStatus | undefined {
  const leader = members.find((member) => member.id === primary && member.state === "running");
  if (role === "primary") return leader;
  const standbys = members.filter((member) => member.role === "standby" && member.state === "streaming");
  const best = standbys.toSorted((a, b) => (a.lag_bytes ?? Infinity) - (b.lag_bytes ?? Infinity))[0] ?? leader;
  if (best || primary !== null) return best;
  return members.find((member) => member.role === "standby" && member.state === "catching-up");
}
