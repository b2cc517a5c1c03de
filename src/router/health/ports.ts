/**
 * The status ports of this host: plain HTTP (HTTPS where asked for), read only. Made by threads.ts in the main thread.
 * Whoever connects and says nothing, or slowly, is cut off in seconds; of many that say nothing the oldest go first, so
 * that they keep nobody out.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Log } from "../../links/log.ts";
import { Certificate } from "../certificate.ts";
import { Listeners } from "../listeners.ts";
import type { HealthConfig, HealthFacts, HealthPort } from "../wire.ts";
import { Answerer, type Known, type Reply } from "./answer.ts";

const headersMs = 3000;
const keepAliveMs = 10_000;
/** Of one port, that wait for nothing of ours. */
const silentMax = 128;
/** Of one port, whatever they do. */
const connectionsMax = 2000;
/** Nothing could be sent or received: longer than the agent is waited for. */
const stillMs = 15_000;
const limits = {
  headersTimeout: headersMs,
  requestTimeout: headersMs,
  keepAliveTimeout: keepAliveMs,
  connectionsCheckingInterval: 500,
  maxHeaderSize: 8192,
};

interface OpenPort {
  readonly port: HealthPort;
  readonly listeners: Listeners;
}

export class HealthPorts {
  readonly #log: Log;
  readonly #leadsTo: (cluster: string) => string | undefined;
  readonly #answerer = new Answerer();
  readonly #facts = new Map<string, HealthFacts>();
  readonly #open = new Map<number, OpenPort>();
  #isSecure = false;
  #agentSocket = "";
  #certificate: Certificate | undefined;
  #heardAt = performance.now();
  #arrivals = 0;

  constructor(log: Log, leadsTo: (cluster: string) => string | undefined) {
    this.#log = log;
    this.#leadsTo = leadsTo;
  }

  /** The agent has said something. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  tell(facts: HealthFacts): void {
    if (facts.members.length === 0) this.#facts.delete(facts.cluster);
    else this.#facts.set(facts.cluster, facts);
  }

  /** Exactly these. @throws OpError `port-in-use` for the first that cannot be had; it is tried again by itself */
  async configure(config: HealthConfig, sharePorts: boolean): Promise<void> {
    this.#agentSocket = config.agentSocket;
    this.#certificate = config.tls && (await Certificate.load(config.tls, this.#log));
    const wanted = new Map(config.ports.map((port) => [port.port, port]));
    const speaksOtherwise = this.#isSecure !== (config.tls !== undefined);
    this.#isSecure = config.tls !== undefined;
    for (const [number, { port, listeners }] of this.#open) {
      if (!speaksOtherwise && JSON.stringify(wanted.get(number)) === JSON.stringify(port)) continue;
      listeners.leave();
      this.#open.delete(number);
    }
    const problems: unknown[] = [];
    for (const port of wanted.values()) {
      const open = this.#open.get(port.port) ?? this.#make(port);
      await open.listeners.listen(config.listenHosts, sharePorts).catch((problem: unknown) => problems.push(problem));
    }
    if (problems.length > 0) throw problems[0];
  }

  /** A newer router has the ports now. */
  async leave(): Promise<void> {
    const leaving = [...this.#open.values()].map(({ listeners }) =>
      listeners.leaveBetweenArrivals(() => this.#arrivals),
    );
    this.#open.clear();
    await Promise.all(leaving);
  }

  #make(port: HealthPort): OpenPort {
    const listeners = new Listeners({
      port: port.port,
      make: () => this.#createServer(port),
      opened: () => undefined,
    });
    const made = { port, listeners };
    this.#open.set(port.port, made);
    return made;
  }

  #createServer(port: HealthPort): NetServer {
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(port, request, response);
    const server: Server = createServer(limits, answer);
    server.setTimeout(stillMs);
    const silent = new Set<Socket>();
    server.on("connection", (socket) => {
      this.#arrivals += 1;
      socket.on("error", () => socket.destroy());
      socket.once("close", () => silent.delete(socket));
      silent.add(socket);
      if (silent.size > silentMax) for (const oldest of silent) return void oldest.destroy();
    });
    server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
      silent.delete(socket);
      response.once("finish", () => socket.destroyed || silent.add(socket));
    });
    // One that cannot listen says so to whoever asked it to.
    const listening = this.#certificate ? this.#behindTls(server) : server;
    listening.maxConnections = connectionsMax;
    return listening.on("error", () => undefined);
  }

  /** The certificate is looked at for each connection: it is renewed while we listen. */
  #behindTls(server: Server): NetServer {
    return createNetServer((raw) => {
      raw.on("error", () => raw.destroy());
      const secureContext = this.#certificate?.context();
      if (!secureContext) return void raw.destroy();
      server.emit("connection", new TLSSocket(raw, { isServer: true, secureContext }));
    });
  }

  async #serve(port: HealthPort, request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nobody has anything to say at length to what is only read.
    request.resume();
    const { method = "GET", url = "/" } = request;
    try {
      write(response, method, await this.#answerer.answer({ method, url, port }, this.#known()));
    } catch (error) {
      this.#log.error("status request failed", { method, error });
      write(response, method, { status: 500, body: "this is a defect; it is in router.log\n", type: "text/plain" });
    }
  }

  #known(): Known {
    return {
      facts: this.#facts,
      agentSocket: this.#agentSocket,
      agentSilentMs: performance.now() - this.#heardAt,
      leadsTo: this.#leadsTo,
    };
  }
}

/** HEAD and OPTIONS are answered with the status code alone. */
function write(response: ServerResponse, method: string, { status, body, type, allow }: Reply): void {
  const text = method === "HEAD" || method === "OPTIONS" ? undefined : body;
  const length = text === undefined ? 0 : Buffer.byteLength(text);
  response.writeHead(status, {
    "content-length": length,
    "cache-control": "no-store",
    ...(type === undefined || text === undefined ? {} : { "content-type": type }),
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(text);
}
