/**
 * The agents of the other hosts over HTTPS. Made by the agent's entry, used by its loops several times a second, so
 * connections are kept open. Never waits longer than a call's deadline, and never sends a request twice.
 */
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";

import { handedOnHeader, roleHeader, userHeader } from "../../domain/caller.ts";
import { hostPorts, type HostAddress } from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";
import { readError } from "../../errors/read-error.ts";
import { notHost } from "../../links/peer-identity.ts";
import { TlsIdentity, type TlsFiles, type TlsMaterial } from "../../links/tls-files.ts";
import type { NeighbourCall, Neighbours } from "./port.ts";

const answerBytesMax = 32 * 1024 * 1024;
/** More calls than this at once to one host wait for each other. */
const socketsMax = 32;

interface Line {
  readonly agent: Agent;
  readonly host: HostAddress;
  readonly material: TlsMaterial;
}

/** @param files of this host. @throws when they cannot be read or do not belong together */
export function createNeighbours(files: TlsFiles): Neighbours {
  const identity = new TlsIdentity(files);
  const lines = new Map<string, Line>();
  const lineTo = (host: HostAddress): Line => {
    const material = identity.current();
    const known = lines.get(host.name);
    if (known && known.material === material && sameAddress(known.host, host)) return known;
    if (known) dropIdle(known.agent);
    const line = { agent: createAgent(host, material), host, material };
    lines.set(host.name, line);
    return line;
  };
  return {
    call: (host, call) => callOnce(lineTo(host), call),
    close: () => {
      for (const { agent } of lines.values()) agent.destroy();
      lines.clear();
    },
  };
}

function createAgent(host: HostAddress, material: TlsMaterial): Agent {
  return new Agent({
    ...material,
    keepAlive: true,
    maxSockets: socketsMax,
    // A resumed session is not asked for its certificate.
    maxCachedSessions: 0,
    minVersion: "TLSv1.3",
    servername: host.name,
    checkServerIdentity: (_address, certificate) => notHost(host.name, certificate),
  });
}

function sameAddress(a: HostAddress, b: HostAddress): boolean {
  return a.address === b.address && a.basePort === b.basePort;
}

/** Connections beside one that has gone silent are as dead as that; the next call must not wait for each of them. */
function dropIdle(agent: Agent): void {
  for (const idle of Object.values(agent.freeSockets)) for (const socket of idle ?? []) socket.destroy();
}

function callOnce({ agent, host }: Line, call: NeighbourCall): Promise<unknown> {
  const text = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    let left = false;
    const sent = request({
      agent,
      host: host.address,
      port: hostPorts(host.basePort).api,
      method: call.method,
      path: call.path,
      headers: headersOf(call, text),
    });
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", abort);
      act();
    };
    const fail = (error: unknown): void =>
      settle(() => reject(error instanceof OpError ? error : lost(host, call, { left, error })));
    const giveUp = (why: string): void => {
      fail(new Error(why));
      // Ends its connection too, which is therefore never used again.
      sent.destroy();
    };
    const timer = setTimeout(() => {
      dropIdle(agent);
      giveUp(`no answer within ${call.deadlineMs} ms`);
    }, call.deadlineMs);
    const abort = (): void => giveUp("given up by the caller");
    sent.on("error", fail);
    sent.once("socket", (socket) => {
      if (sent.reusedSocket) left = true;
      else socket.once("secureConnect", () => (left = true));
    });
    if (call.signal?.aborted) return abort();
    call.signal?.addEventListener("abort", abort, { once: true });
    sent.once("response", (answer) => {
      readAnswer(answer).then((value) => settle(() => resolve(value)), fail);
    });
    sent.end(text);
  });
}

function headersOf({ as }: NeighbourCall, text: string | undefined): Readonly<Record<string, string | number>> {
  return {
    ...(as === undefined ? {} : { [userHeader]: as.by, [roleHeader]: as.role, [handedOnHeader]: "yes" }),
    ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
  };
}

async function readAnswer(answer: IncomingMessage): Promise<unknown> {
  const status = answer.statusCode ?? 500;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    // Leaving the loop ends the connection.
    if (size > answerBytesMax) throw new Error(`its answer is larger than ${answerBytesMax} bytes`);
    parts.push(bytes);
  }
  const value: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
  if (status >= 200 && status < 300) return value;
  throw readError(value, status);
}

/** A request that never left changed nothing, nor did one that only reads; any other may have been carried out. */
function lost(
  host: HostAddress,
  call: NeighbourCall,
  { left, error }: { readonly left: boolean; readonly error: unknown },
): OpError {
  const reason = error instanceof Error ? error.message : String(error);
  if (left && call.method !== "GET") {
    return new OpError("interrupted", {
      message: `host "${host.name}" did not answer`,
      detail: `The change may or may not have happened: ${reason}.`,
      hint: "Look before you repeat it.",
      cause: error,
    });
  }
  return new OpError("host-unreachable", {
    message: `host "${host.name}" cannot be reached`,
    detail: `At ${host.address}, port ${hostPorts(host.basePort).api}: ${reason}.`,
    cause: error,
  });
}
