/**
 * The control socket of a small process (router, relay): agents come and go, each request is one line of JSON and gets
 * one line back, in order. Only the owner of the installation can reach it (mode 0600). A process listens at
 * `<path>.<pid>`, and `<path>` is a link that a newer one turns to itself: so one that drains can still be asked.
 */
import { once } from "node:events";
import { chmod, rename, symlink, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename } from "node:path";
import { OpError } from "../errors/op-error.ts";
import type { Log } from "./log.ts";

const lineBytesMax = 1024 * 1024;

/** What such a process does with a request. */
export interface Clerk<Request extends { readonly id: number }> {
  /** @throws TypeError or SyntaxError for what is not a request */
  parse(line: string): Request;
  /** @returns what the answer says besides that it is done */
  handle(request: Request): Promise<object | undefined>;
  /** For a process that also speaks unasked. */
  joined?(agent: Listener): void;
}

/** An agent that is connected. */
export interface Listener {
  /** Dropped when the agent has not taken what it was told before: it may be frozen, and gets the next word. */
  tell(what: object): void;
  onLeave(done: () => void): void;
}

export async function serveControl<Request extends { readonly id: number }>(
  path: string,
  clerk: Clerk<Request>,
  log: Log,
): Promise<Server> {
  const own = `${path}.${process.pid}`;
  const server = createServer((agent) => void serve(agent, clerk, log));
  await unlink(own).catch(() => undefined);
  // The socket is made with the mode that the mask leaves: nobody else may connect even for a moment.
  const mask = process.umask(0o177);
  try {
    server.listen(own);
    await once(server, "listening");
  } finally {
    process.umask(mask);
  }
  await chmod(own, 0o600);
  await symlink(basename(own), `${own}.link`);
  await rename(`${own}.link`, path);
  return server;
}

async function serve<Request extends { readonly id: number }>(
  agent: Socket,
  clerk: Clerk<Request>,
  log: Log,
): Promise<void> {
  agent.on("error", () => agent.destroy());
  clerk.joined?.({
    tell: (what) => void (agent.writableLength === 0 && agent.writable && agent.write(`${JSON.stringify(what)}\n`)),
    onLeave: (done) => void agent.once("close", done),
  });
  try {
    for await (const line of lines(agent)) agent.write(`${JSON.stringify(await answer(line, clerk, log))}\n`);
    agent.end();
  } catch {
    // The agent went away, or sent a line without end: it can come again.
    agent.destroy();
  }
}

async function* lines(agent: Socket): AsyncGenerator<string> {
  let rest = "";
  agent.setEncoding("utf8");
  for await (const chunk of agent) {
    const parts = `${rest}${String(chunk)}`.split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > lineBytesMax) throw new RangeError("line too long");
    yield* parts;
  }
}

async function answer<Request extends { readonly id: number }>(
  line: string,
  clerk: Clerk<Request>,
  log: Log,
): Promise<object> {
  try {
    const request = clerk.parse(line);
    const status = await clerk.handle(request);
    return status ? { id: request.id, ok: true, status } : { id: request.id, ok: true };
  } catch (error) {
    const code = codeOf(error);
    log.error("request refused", { code, error });
    return { id: idIn(line), ok: false, code, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Of what may be no request at all: its sender must not wait for an answer in vain. */
function idIn(line: string): number {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === "object" && said !== null && "id" in said && typeof said.id === "number" ? said.id : 0;
  } catch {
    return 0;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof OpError) return error.code;
  return error instanceof TypeError || error instanceof SyntaxError ? "bad-value" : "internal";
}
