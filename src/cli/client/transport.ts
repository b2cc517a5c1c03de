/**
 * HTTP over the agent's Unix socket, with its own deadlines. Called by client.ts alone. A change whose answer does not
 * come is "outcome unknown", never "failed": the agent may have done it.
 */
import { request, type IncomingMessage } from "node:http";

import { userHeader, versionHeader, type ErrorBody } from "../../contract/error.ts";
import { errorCatalog, type ErrorCode } from "../../errors/catalog.ts";
import { OpError } from "../../errors/op-error.ts";

export interface TransportOptions {
  readonly socket: string;
  /** who asks, for the audit */
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
  const signal = AbortSignal.timeout(deadlineMs);
  const answer = await open(options, { method, path, body, signal }).catch((error: unknown) => {
    throw noAnswer(error, isChange, deadlineMs);
  });
  const text = await readAll(answer).catch((error: unknown) => {
    throw noAnswer(error, isChange, deadlineMs);
  });
  return readAnswer(answer, text);
}

/** The documents of a stream, until it ends or the signal aborts. `quietMs` without even a ping ends it with agent-unreachable. */
export async function* openStream(
  options: TransportOptions,
  { path, quietMs, signal }: { readonly path: string; readonly quietMs: number; readonly signal: AbortSignal },
): AsyncGenerator {
  const answer = await open(options, { method: "GET", path, body: undefined, signal }).catch((error: unknown) => {
    throw noAnswer(error, false, quietMs);
  });
  if (answer.statusCode !== 200) readAnswer(answer, await readAll(answer));
  answer.setTimeout(quietMs, () => answer.destroy(new Error("the agent has gone quiet")));
  try {
    for await (const { event, data } of readEvents(answer)) {
      if (event === "error") throw toOpError(parse(data), 500);
      if (event === "data") yield parse(data);
    }
  } catch (error) {
    throw error instanceof OpError ? error : noAnswer(error, false, quietMs);
  }
}

interface Opened {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

function open(
  { socket, user, sawVersion }: TransportOptions,
  { method, path, body, signal }: Opened,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    [userHeader]: user,
    ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path, headers, signal, agent: false });
    sent.once("response", (answer) => {
      const version = answer.headers[versionHeader];
      if (typeof version === "string") sawVersion?.(version);
      resolve(answer);
    });
    sent.once("error", reject);
    sent.end(text);
  });
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
  throw toOpError(document, status);
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

function toOpError(document: unknown, status: number): OpError {
  if (!isErrorBody(document)) return new OpError("internal", { message: `the agent answered with status ${status}` });
  const { code, message, detail, hint } = document.error;
  return new OpError(isErrorCode(code) ? code : "internal", {
    message,
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof hint === "string" ? { hint } : {}),
  });
}

function isErrorBody(document: unknown): document is ErrorBody {
  if (typeof document !== "object" || document === null || !("error" in document)) return false;
  const { error } = document;
  return typeof error === "object" && error !== null && "code" in error && "message" in error;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalog, code);
}

/** A connection that was never made did nothing; anything later may have been done. */
function noAnswer(error: unknown, isChange: boolean, afterMs: number): OpError {
  if (error instanceof OpError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const neverLeft = code === "ENOENT" || code === "ECONNREFUSED" || code === "EACCES";
  if (neverLeft || !isChange) {
    return new OpError("agent-unreachable", {
      message: code === "EACCES" ? "you may not talk to the agent" : "the agent does not answer",
      detail:
        code === "EACCES" ? "Its socket belongs to another user." : `Nothing was changed; waited up to ${afterMs} ms.`,
      hint:
        code === "EACCES"
          ? "Run this as that user, or set MATRIARCH_HOME."
          : "Its log: matriarch agent status names the home directory.",
      cause: error,
    });
  }
  return new OpError("interrupted", {
    message: "the agent's answer did not arrive",
    detail: "The change may or may not have happened.",
    hint: 'Look with "matriarch status" before you repeat it.',
    cause: error,
  });
}
