/**
 * Free ports for endpoints and members' servers. Between the choice and the moment when their own servers listen, ports
 * are claimed: nobody else here is given them, and they are listened on, so that no other installation takes them.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { Runtime } from "../agent/runtime.ts";
import type { ClusterSpec } from "../domain/cluster.ts";
import { memberPorts, statusPortOf } from "../domain/status-port.ts";
import { OpError } from "../errors/op-error.ts";

/** Of the installation's parts, what the choice of ports looks at. */
interface PortUser {
  readonly ports: PortClaims;
  readonly runtime: Runtime;
  readonly home: string;
}

const usualPort = 5432;
const usualPooledPort = 6432;

/**
 * Below the ports that the system gives to outgoing connections, so that none of those can be in the way. Every
 * installation begins somewhere else in the range, so that two on one machine do not try the same ones.
 */
function beginOf(home: string): number {
  return createHash("sha256").update(home).digest().readUInt32LE() % memberPorts.count;
}

/** Status of an embedded installation's only host: beside its first member's, where the last of 12,000 would be. */
export function hostStatusPort(home: string): number {
  const { first, count } = memberPorts;
  return statusPortOf(first + ((beginOf(home) + count - 1) % count)) ?? 0;
}

export class PortClaims {
  readonly #claimed = new Map<number, Server | undefined>();

  /** All of them, or none. @returns the first that is not to be had */
  async take(ports: readonly number[], address = "127.0.0.1"): Promise<number | undefined> {
    const taken: number[] = [];
    for (const port of ports) {
      if (await this.#takeOne(port, address)) taken.push(port);
      else {
        this.forget(taken);
        return port;
      }
    }
    return undefined;
  }

  /** Now, for what listens at once. */
  async isFree(port: number | undefined): Promise<boolean> {
    if (port === undefined || !(await this.#takeOne(port, "127.0.0.1"))) return false;
    this.forget([port]);
    return true;
  }

  /** Their own servers may listen now; nobody else is given them yet. */
  letGo(ports: readonly number[]): void {
    for (const port of ports) {
      this.#claimed.get(port)?.close();
      if (this.#claimed.has(port)) this.#claimed.set(port, undefined);
    }
  }

  forget(ports: readonly number[]): void {
    this.letGo(ports);
    for (const port of ports) this.#claimed.delete(port);
  }

  async #takeOne(port: number, address: string): Promise<boolean> {
    if (this.#claimed.has(port)) return false;
    const server = createServer((socket) => socket.destroy());
    this.#claimed.set(port, server);
    try {
      server.listen({ port, host: address, exclusive: true });
      await once(server, "listening");
      return true;
    } catch {
      this.#claimed.delete(port);
      return false;
    }
  }
}

/** Over several hosts: endpoints listen on the host's address, and have the same ports everywhere. */
export interface Elsewhere {
  readonly address: string;
  /** @returns the first that another host cannot give */
  take(ports: readonly number[]): Promise<number | undefined>;
}

/** The primary endpoint's port and the next one for reads: as asked, else 5432 or the next pair that is free. */
export async function claimEndpointPorts(
  parts: PortUser,
  asked: number | undefined,
  elsewhere?: Elsewhere,
): Promise<ClusterSpec["ports"]> {
  const own = ownPorts(parts);
  const pairs = asked === undefined ? Array.from({ length: 200 }, (_, index) => usualPort + 2 * index) : [asked];
  for (const primary of pairs) {
    refusePort(primary);
    const pair = [primary, primary + 1];
    const taken = pair.find((port) => own.has(port)) ?? (await takeEverywhere(parts, pair, elsewhere));
    if (taken === undefined) return { primary, read: primary + 1 };
    if (asked !== undefined) throw portInUse(asked, taken);
  }
  throw new OpError("port-in-use", { message: "no pair of free ports was found", hint: "Name one with --port." });
}

/** As asked, else PgBouncer's usual port or the next that is free. */
export async function claimPooledPort(
  parts: PortUser,
  asked: number | undefined,
  elsewhere?: Elsewhere,
): Promise<number> {
  const own = ownPorts(parts);
  const ports = asked === undefined ? Array.from({ length: 200 }, (_, index) => usualPooledPort + index) : [asked];
  for (const port of ports) {
    if (own.has(port)) continue;
    if ((await takeEverywhere(parts, [port], elsewhere)) === undefined) return port;
  }
  if (asked === undefined)
    throw new OpError("port-in-use", { message: "no free port was found", hint: "Name one with --port." });
  throw new OpError("port-in-use", {
    message: `port ${asked} is in use`,
    detail: "It was asked for as the pooled endpoint.",
    hint: "Choose another with --port, or leave it out to get a free one.",
  });
}

async function takeEverywhere(
  parts: PortUser,
  pair: readonly number[],
  elsewhere: Elsewhere | undefined,
): Promise<number | undefined> {
  const taken = await parts.ports.take(pair, elsewhere?.address);
  if (taken !== undefined || !elsewhere) return taken;
  const takenThere = await elsewhere.take(pair);
  if (takenThere !== undefined) parts.ports.forget(pair);
  return takenThere;
}

function refusePort(port: number): void {
  if (Number.isInteger(port) && port >= 1024 && port <= 65_534) return;
  throw new OpError("bad-value", {
    message: `port ${port} cannot be used`,
    detail: "Ports are from 1024 to 65534; the read endpoint takes the next one.",
  });
}

function portInUse(asked: number, taken: number): OpError {
  return new OpError("port-in-use", {
    message: `port ${taken} is in use`,
    detail:
      taken === asked
        ? "It was asked for as the primary endpoint."
        : `The read endpoint takes the port after --port ${asked}.`,
    hint: "Choose another with --port, or leave it out to get a free one.",
  });
}

/** Free loopback ports for members' own servers; the ports of their status that follow from them are free as well. */
export async function claimMemberPorts(parts: PortUser, count: number): Promise<readonly number[]> {
  const own = ownPorts(parts);
  const start = beginOf(parts.home);
  const ports: number[] = [];
  for (let step = 0; ports.length < count && step < memberPorts.count; step += 1) {
    const port = memberPorts.first + ((start + step) % memberPorts.count);
    if (
      !own.has(port) &&
      (await parts.ports.isFree(statusPortOf(port))) &&
      (await parts.ports.take([port])) === undefined
    )
      ports.push(port);
  }
  if (ports.length === count) return ports;
  parts.ports.forget(ports);
  throw new OpError("port-in-use", { message: "no free ports are left for the members' servers" });
}

/** Also those of clusters that are stopped and listen on nothing. */
function ownPorts(parts: PortUser): ReadonlySet<number> {
  return new Set(
    [...parts.runtime.clusters.values()].flatMap(({ record }) => [
      ...Object.values(record.spec.value.ports),
      ...Object.values(record.members).map((member) => member.value.port),
    ]),
  );
}
