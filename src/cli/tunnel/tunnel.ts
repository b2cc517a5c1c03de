/**
 * `tunnel`: a port of this machine that leads to a cluster's endpoint through an agent's API, until Ctrl-C or until the
 * command of --exec ends. What goes through it is encrypted between the client and the endpoint, inside the API's own TLS.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

import type { Connection } from "../../contract/cluster.ts";
import { connectionUri } from "../../contract/connection-uri.ts";
import type { OpError } from "../../errors/op-error.ts";
import type { CommandContext } from "../context.ts";
import { listenForInterrupt } from "../follow.ts";
import { LocalPort } from "./local-port.ts";

export interface TunnelWanted {
  readonly cluster: string;
  readonly port: number | undefined;
  readonly role: "primary" | "read" | "pooled";
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly exec: string | undefined;
}

/** A name that is in every endpoint's certificate. */
const host = "localhost";

export async function runTunnel(context: CommandContext, wanted: TunnelWanted): Promise<void> {
  const { cluster, role, user, database, exec } = wanted;
  const client = await context.client();
  const far = await client.openTunnel(cluster, { role, user, database });
  const local = await LocalPort.open({
    port: wanted.port ?? 0,
    dial: () => client.tunnel(cluster, role),
    trouble: tellOnce(context),
  });
  try {
    const near = connectionAt(far, local.port);
    if (exec === undefined) await untilInterrupt(context, wanted, near);
    else process.exitCode = await runWith(exec, near.uri);
  } finally {
    local.close();
    if (exec === undefined) context.note(`Tunnel closed after ${connectionsOf(local.connections)}.`);
  }
}

function connectionAt(far: Connection, port: number): Connection {
  const near = { ...far, host, port, hosts: [{ host, port }] };
  return { ...near, uri: connectionUri(near) };
}

async function untilInterrupt(
  context: CommandContext,
  { cluster, role }: TunnelWanted,
  near: Connection,
): Promise<void> {
  const { signal, release } = listenForInterrupt();
  const terminated = once(process, "SIGTERM");
  context.writeLine(near, () => near.uri);
  context.note(`It leads to the ${role} endpoint of "${cluster}" for as long as this command runs. Ctrl-C ends it.`);
  await Promise.race([once(signal, "abort"), terminated]);
  release();
}

/** @returns its exit code. It has the terminal, and hears Ctrl-C itself */
async function runWith(command: string, uri: string): Promise<number> {
  const child = spawn("/bin/sh", ["-c", command], { env: { ...process.env, DATABASE_URL: uri }, stdio: "inherit" });
  const ignore = (): void => {};
  const end = (): void => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", end);
  await once(child, "close");
  process.off("SIGINT", ignore).off("SIGTERM", end);
  return child.exitCode ?? 128 + (child.signalCode === "SIGINT" ? 2 : 15);
}

/** Many connections fail for the same reason. */
function tellOnce(context: CommandContext): (error: OpError) => void {
  let told = "";
  return ({ message, detail = "" }) => {
    if (message + detail === told) return;
    told = message + detail;
    context.note(`a connection was refused: ${message}${detail === "" ? "" : `\n${detail}`}`);
  };
}

function connectionsOf(count: number): string {
  return count === 1 ? "1 connection" : `${count} connections`;
}
