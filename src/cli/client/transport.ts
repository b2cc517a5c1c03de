/**
 * HTTP with the agent, over the Unix socket of this machine or TLS to another one, with its own deadlines. Called by
 * client.ts alone. A change whose answer does not come is "outcome unknown", never "failed": the agent may have done
 * it. It is never sent a second time; what only reads is asked of the next host.
 */
import { request, type IncomingMessage, type RequestOptions } from "node:http";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";

import { homePaths } from "../../config/home.ts";
import { roleHeader, userHeader, versionHeader } from "../../contract/error.ts";
import { usualPort } from "../../config/contexts.ts";
import { OpError } from "../../errors/op-error.ts";
import { readError } from "../../errors/read-error.ts";
import { agentProcess } from "./frozen-agent.ts";
import type { RemoteAgent } from "./remote-agent.ts";

export type Destination =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "remote"; readonly agent: RemoteAgent };

export interface TransportOptions {
  readonly to: Destination;
  /** who asks, for the audit; from another machine the certificate or token says it */
  readonly user: string;
  /** told once when the agent is of another version */
  readonly sawVersion?: (version: string) => void;
}

export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly deadlineMs: number;
}

/** @returns the parsed JSON of a successful answer, unchecked. @throws OpError as the agent said it, agent-unreachable, interrupted */
export async function call(options: TransportOptions, { method, path, body, deadlineMs }: Call): Promise<unknown> {
  const isChange = method !== "GET";
  const ask = async (): Promise<unknown> => {
    const signal = AbortSignal.timeout(deadlineMs);
    try {
      const answer = await open(options, { method, path, body, signal });
      return readAnswer(answer, await readAll(answer));
    } catch (error) {
      throw noAnswer(error, options.to, { isChange, afterMs: deadlineMs });
    }
  };
  return isChange ? ask() : askEach(options.to, ask);
}

/** What only reads may be asked again: of every host until one answers. */
async function askEach<T>(to: Destination, ask: () => Promise<T>): Promise<T> {
  const others = to.kind === "remote" ? to.agent.remote.hosts.length - 1 : 0;
  for (let turn = 0; turn < others; turn += 1) {
    try {
      return await ask();
    } catch (error) {
      // Said by an agent, or by all hosts together.
      if (!(error instanceof OpError && error.code === "agent-unreachable" && error.cause !== undefined)) throw error;
      if (to.kind === "remote") to.agent.passOver();
    }
  }
  return ask();
}

/** The documents of a stream, until it ends or the signal aborts. `quietMs` without even a ping ends it with agent-unreachable. */
export async function* openStream(
  options: TransportOptions,
  { path, quietMs, signal }: { readonly path: string; readonly quietMs: number; readonly signal: AbortSignal },
): AsyncGenerator {
  const unknown = { isChange: false, afterMs: quietMs };
  const answer = await askEach(options.to, () =>
    open(options, { method: "GET", path, body: undefined, signal, quietMs }).catch((error: unknown) => {
      throw noAnswer(error, options.to, unknown);
    }),
  );
  if (answer.statusCode !== 200) readAnswer(answer, await readAll(answer));
  answer.setTimeout(quietMs, () => answer.destroy(new Error("the agent has gone quiet")));
  try {
    for await (const { event, data } of readEvents(answer)) {
      if (event === "error") throw readError(parse(data), 500);
      if (event === "data") yield parse(data);
    }
  } catch (error) {
    // The next attempt to watch begins with another host.
    if (!(error instanceof OpError) && options.to.kind === "remote") options.to.agent.passOver();
    throw noAnswer(error, options.to, unknown);
  }
}

interface Upgraded {
  readonly path: string;
  /** what the connection becomes */
  readonly protocol: string;
  readonly deadlineMs: number;
}

/** A connection through the agent, asked of each host until one opens it. @throws OpError as the agent said it, agent-unreachable */
export async function openSocket(options: TransportOptions, upgraded: Upgraded): Promise<Duplex> {
  return askEach(options.to, async () => {
    // Not AbortSignal.timeout: the signal stays with the request's socket, which lives on.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), upgraded.deadlineMs);
    try {
      return await upgrade(options, upgraded, late.signal);
    } catch (error) {
      throw noAnswer(error, options.to, { isChange: false, afterMs: upgraded.deadlineMs });
    } finally {
      clearTimeout(timer);
    }
  });
}

async function upgrade({ to, user }: TransportOptions, asked: Upgraded, signal: AbortSignal): Promise<Duplex> {
  const { headers, ...way } = await wayTo(to, user, signal);
  return new Promise((resolve, reject) => {
    const wish = { ...headers, connection: "Upgrade", upgrade: asked.protocol };
    const sent = request({ ...way, method: "GET", path: asked.path, headers: wish, signal });
    sent.once("upgrade", (_answer, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    sent.once("response", (answer) => {
      const notOne = () => reject(new Error("the agent knows no tunnels"));
      readAll(answer)
        .then((text) => readAnswer(answer, text))
        .then(notOne, reject);
    });
    sent.once("error", reject);
    sent.end();
  });
}

interface Opened {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** the answer must begin within so long */
  readonly quietMs?: number;
}

async function open(
  { to, user, sawVersion }: TransportOptions,
  { method, path, body, signal, quietMs }: Opened,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { headers, ...way } = await wayTo(to, user, signal);
  const contents =
    text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request({ ...way, method, path, headers: { ...headers, ...contents }, signal });
    if (quietMs !== undefined) sent.setTimeout(quietMs, () => sent.destroy(new Error("no answer")));
    sent.once("response", (answer) => {
      const version = answer.headers[versionHeader];
      if (typeof version === "string") sawVersion?.(version);
      resolve(answer);
    });
    sent.once("error", reject);
    sent.end(text);
  });
}

interface Way extends RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
}

async function wayTo(to: Destination, user: string, signal: AbortSignal): Promise<Way> {
  if (to.kind === "socket") return { socketPath: to.path, agent: false, headers: { [userHeader]: user } };
  const { token, isOwnHost } = to.agent.remote;
  const socket = await to.agent.dial(signal);
  const admin = isOwnHost === true ? { [userHeader]: user, [roleHeader]: "admin" } : {};
  const headers: Readonly<Record<string, string>> = token === undefined ? admin : { authorization: `Bearer ${token}` };
  // It only names the connection that there is already.
  const { hostname: host, port } = to.agent.host;
  return { createConnection: () => socket, host, port: port || String(usualPort), headers };
}

async function readAll(answer: IncomingMessage): Promise<string> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) text += chunk;
  return text;
}

/** The two fields of server-sent events that the agent uses; a blank line ends an event. */
async function* readEvents(answer: IncomingMessage): AsyncGenerator<{ event: string; data: string }> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) {
    rest += chunk;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      yield { event: fieldOf(lines, "event") || "data", data: fieldOf(lines, "data") };
    }
  }
}

function fieldOf(lines: readonly string[], name: string): string {
  const found = lines.filter((line) => line.startsWith(`${name}:`));
  return found.map((line) => line.slice(name.length + 1).replace(/^ /, "")).join("\n");
}

function readAnswer(answer: IncomingMessage, text: string): unknown {
  const status = answer.statusCode ?? 500;
  const document = parse(text);
  if (status >= 200 && status < 300) return document;
  throw readError(document, status);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OpError("agent-unreachable", {
      message: "the agent's answer is not JSON",
      detail: "Something else may listen on its socket.",
      cause,
    });
  }
}

/** A connection that was never made did nothing; anything later may have been done. */
function noAnswer(
  error: unknown,
  to: Destination,
  { isChange, afterMs }: { readonly isChange: boolean; readonly afterMs: number },
): OpError {
  if (error instanceof OpError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const neverLeft = to.kind === "socket" && (code === "ENOENT" || code === "ECONNREFUSED" || code === "EACCES");
  if (!neverLeft && isChange) {
    return new OpError("interrupted", {
      message: "the agent's answer did not arrive",
      detail: "The change may or may not have happened.",
      hint: 'Look with "matriarch status" before you repeat it.',
      cause: error,
    });
  }
  const isOthers = code === "EACCES";
  return new OpError("agent-unreachable", {
    message: isOthers ? "you may not talk to the agent" : "the agent does not answer",
    detail: isOthers ? "Its socket belongs to another user." : `Nothing was changed; waited up to ${afterMs} ms.`,
    hint: hintFor(to, isOthers),
    cause: error,
  });
}

function hintFor(to: Destination, isOthers: boolean): string {
  if (isOthers) return "Run this as that user, or set MATRIARCH_HOME.";
  if (to.kind === "remote") return `It was ${to.agent.host.origin}; another host can be named with --host.`;
  const home = dirname(to.path);
  const pid = agentProcess(home);
  const end = pid === undefined ? "end its process" : `kill -KILL ${pid}`;
  return `Clusters go on without it, but nothing fails over. Its log: ${homePaths(home).log}. If it hangs: ${end}; the next command starts another. Another host of the installation answers, too: --host.`;
}
