/**
 * A real agent that listens on the network as well: an installation of one host with an etcd of its own, on loopback, one
 * cluster, and a token of each role. Its agent tells how late its event loop was. Used by the contract test.
 */
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { request, type RequestOptions } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { once } from "node:events";
import { join } from "node:path";

import { makeInstallation, type Installation } from "../../faults/installation.ts";
import { freePorts } from "../../fixtures/ports.ts";

export const roles = ["viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** of a stream what came first */
  readonly text: string;
}

/** Longer than any route may take, and than a busy machine takes. */
const answerMs = 90_000;
const portsOfHost = 10;

export class NetworkAgent implements AsyncDisposable {
  readonly installation: Installation;
  readonly port: number;
  readonly tokens = new Map<Role, string>();

  constructor(installation: Installation, port: number) {
    this.installation = installation;
    this.port = port;
  }

  static async make(): Promise<NetworkAgent> {
    const installation = await makeInstallation();
    const port = await freePorts(portsOfHost);
    const agent = new NetworkAgent(installation, port);
    try {
      await agent.#begin();
    } catch (error) {
      await installation[Symbol.asyncDispose]();
      throw error;
    }
    return agent;
  }

  async #begin(): Promise<void> {
    const init = ["host", "init", "--address", "127.0.0.1", "--base-port", String(this.port), "--no-service"];
    await this.#runMeasured(init);
    await this.installation.ok("create", "shop", "--members", "1");
    for (const role of roles) {
      const made = await this.installation.json("token", "create", "--role", role, "--name", `a-${role}`);
      this.tokens.set(role, (made as { token: string }).token);
    }
  }

  /** Another agent, as after a crash. */
  async restart(): Promise<void> {
    await this.installation.killAgent();
    await this.#runMeasured(["agent", "start"]);
  }

  /** What starts the agent, so that it tells how late its loop is. */
  async #runMeasured(args: readonly string[]): Promise<void> {
    const preload = join(import.meta.dirname, "loop-delay.ts");
    const child = this.installation.begin(args, { NODE_OPTIONS: `--import=${preload}` });
    child.stdin.end();
    child.stdout.resume();
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`matriarch ${args.join(" ")} ended with ${String(code)}: ${said}`);
  }

  get ca(): Buffer {
    return readFileSync(join(this.installation.home, "ca", "ca.crt"));
  }

  bearer(role: Role): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.tokens.get(role) ?? ""}` };
  }

  get way(): RequestOptions {
    return { host: "127.0.0.1", port: this.port, ca: this.ca, checkServerIdentity: () => undefined };
  }

  async send({ method, path, headers = {}, body }: Sent): Promise<Answer> {
    // Of some methods Node would not say that there is a body.
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const sent = request({ ...this.way, agent: false, method, path, headers: { ...headers, ...length } });
    sent.end(body);
    const signal = AbortSignal.timeout(answerMs);
    const [answer] = await once(sent, "response", { signal });
    const type = String(answer.headers["content-type"] ?? "");
    let text = "";
    answer.setEncoding("utf8");
    for await (const chunk of answer) {
      text += String(chunk);
      if (type.startsWith("text/event-stream") && text.includes("\n\n")) break;
    }
    answer.destroy();
    sent.destroy();
    return { status: answer.statusCode, type, headers: answer.headers, text };
  }

  async json(
    role: Role,
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return this.send({ method, path, headers: { ...this.bearer(role), ...headers }, body: bytes });
  }

  /** A connection that has said nothing. */
  async silent(): Promise<Socket> {
    const socket = connectTcp(this.port, "127.0.0.1");
    socket.on("error", () => {});
    // Who does not read does not see that it was cut off.
    socket.resume();
    await once(socket, "connect");
    return socket;
  }

  async secured(): Promise<TLSSocket> {
    const socket = connect({ host: "127.0.0.1", port: this.port, ca: this.ca, checkServerIdentity: () => undefined });
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "secureConnect");
    return socket;
  }

  /** How late the agent's event loop was at worst in each second since `since`, milliseconds. */
  delays(since: number): readonly number[] {
    const lines = readFileSync(join(this.installation.home, "loop-delay.log"), "utf8").trim().split("\n");
    return lines.flatMap((line) => {
      const { at, max_ms } = JSON.parse(line) as { at: number; max_ms: number };
      return at >= since ? [max_ms] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.installation[Symbol.asyncDispose]();
  }
}
