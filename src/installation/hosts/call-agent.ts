/**
 * What a host that joins says to an agent, before it has a certificate: over TLS that trusts the CA of the token alone.
 * Called by join.ts. The secret is sent only after the CA has been compared with the token's fingerprint.
 */
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { PeerCertificate } from "node:tls";

import { OpError } from "../../errors/op-error.ts";
import { readError } from "../../errors/read-error.ts";

export interface AgentCall {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly deadlineMs: number;
  /** this host's certificate and key, PEM: it says who it is */
  readonly as?: { readonly cert: string; readonly key: string };
}

export interface AgentAnswer {
  readonly document: unknown;
  /** of this host, on the connection */
  readonly localAddress: string;
}

const answerBytesMax = 256 * 1024;

/**
 * @param agent `10.0.0.1:7400`
 * @param ca undefined: whoever answers is taken; for the greeting alone
 * @throws OpError host-unreachable, bad-certificate, interrupted (a change that may have happened), or as the agent says
 */
export function callAgent(agent: string, ca: string | undefined, call: AgentCall): Promise<AgentAnswer> {
  const { hostname, port } = new URL(`https://${agent}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const text = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    let sentAway = false;
    const sent = request({
      host,
      port: Number(port),
      method: call.method,
      path: call.path,
      agent: false,
      signal: AbortSignal.timeout(call.deadlineMs),
      headers:
        text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      minVersion: "TLSv1.3",
      rejectUnauthorized: ca !== undefined,
      ...(ca === undefined ? {} : { ca }),
      ...call.as,
      // Any host of the installation will do, by whatever address it was reached.
      checkServerIdentity: (_name, certificate) => (ca === undefined ? undefined : notHost(certificate)),
    });
    sent.once("socket", (socket) => socket.once("secureConnect", () => (sentAway = true)));
    sent.once("error", (error) => reject(noAnswer(agent, call, error, sentAway)));
    sent.once("response", (answer) => {
      const localAddress = answer.socket.localAddress ?? "";
      readAll(answer)
        .then(
          (body) => resolve({ document: readAnswer(agent, answer, body), localAddress }),
          (error: unknown) => reject(noAnswer(agent, call, error, true)),
        )
        .catch(reject);
    });
    sent.end(text);
  });
}

function notHost({ subject }: PeerCertificate): Error | undefined {
  return subject.OU === "host" ? undefined : new Error("its certificate is not a host's");
}

async function readAll(answer: IncomingMessage): Promise<string> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > answerBytesMax) throw new Error("the answer is too long");
  }
  return text;
}

function readAnswer(agent: string, answer: IncomingMessage, text: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new OpError("host-unreachable", { message: `what answers at ${agent} is not an agent`, cause });
  }
  const status = answer.statusCode ?? 500;
  if (status >= 200 && status < 300) return document;
  throw readError(document, status);
}

function noAnswer(agent: string, { method, deadlineMs }: AgentCall, cause: unknown, sentAway: boolean): OpError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code) || reason.includes("certificate")) {
    return new OpError("bad-certificate", {
      message: `the agent at ${agent} cannot prove that it is a host of the token's installation`,
      detail: `The TLS library says: ${reason}.`,
      cause,
    });
  }
  if (sentAway && method !== "GET") {
    return new OpError("interrupted", {
      message: `the answer of the agent at ${agent} did not arrive`,
      detail: `${reason}.`,
      hint: "Run the same command again: it goes on where it stopped.",
      cause,
    });
  }
  const late = cause instanceof Error && (cause.name === "TimeoutError" || cause.name === "AbortError");
  return new OpError("host-unreachable", {
    message: `the agent at ${agent} cannot be reached`,
    detail: late ? `No answer within ${deadlineMs / 1000} s.` : `${reason}.`,
    cause,
  });
}
