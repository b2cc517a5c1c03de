/**
 * What tests on real Postgres need: engines that are installed once, a home of their own, a server that starts and is
 * ended by its pid. For `*.pg.test.ts` only.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "../../../../tests/fixtures/ports.ts";
import { writeConfiguration, writeReplicationConf, type ReplicationSettings } from "../configuration/write.ts";
import { computeSettings, type Settings } from "../configuration/defaults.ts";
import { ensureEmbeddedEngine } from "../engine/embedded.ts";
import { identityOf, serverEnvironment } from "../engine/environment.ts";
import { chooseServerOwner } from "../engine/owner.ts";
import { findSystemEngines } from "../engine/system.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { ensureTemplate, type Template } from "./template.ts";

process.env["MATRIARCH_ENGINE_CACHE"] ||= join(tmpdir(), `matriarch-test-engines-${userInfo().uid}`);

const limitMs = 60_000;

/**
 * Embedded 18, and what the machine has installed. MATRIARCH_TEST_MAJORS=14,15,16,17,18 runs these embedded majors
 * instead of 18 alone.
 */
export async function testEngines(): Promise<readonly Engine[]> {
  const majors = (process.env["MATRIARCH_TEST_MAJORS"] ?? "18").split(",").map(Number);
  const signal = AbortSignal.timeout(5 * limitMs);
  const embedded = majors.map((major) => ensureEmbeddedEngine(tmpdir(), major, { signal }));
  return [...(await Promise.all(embedded)), ...(await findSystemEngines())];
}

/** Of all tests of a file. Made here, for a hook set within a test would end with that test. */
const templates = await reachableDirectory(after);

export interface TestHome {
  readonly directory: string;
  readonly owner: ServerOwner | undefined;
  /** a minute from each time that it is asked for: for one operation, not for all tests that share the directory */
  readonly signal: AbortSignal;
  template(engine: Engine): Promise<Template>;
}

/** A directory that the servers' owner can reach, removed when the test ends. Templates are shared by all tests of a file. */
export async function testHome(t: Pick<TestContext, "after">): Promise<TestHome> {
  const directory = await reachableDirectory((work) => atEnd(t, work));
  const owner = await chooseServerOwner();
  const limit = (): AbortSignal => AbortSignal.timeout(limitMs);
  return {
    directory,
    owner,
    get signal() {
      return limit();
    },
    template: (engine) => ensureTemplate(templates, engine, owner, limit()),
  };
}

const endings = new WeakMap<object, (() => Promise<unknown>)[]>();

/** Last begun, first ended: node's own hooks run the other way, and would remove directories under running servers. */
function atEnd(t: Pick<TestContext, "after">, work: () => Promise<unknown>): void {
  const known = endings.get(t);
  if (known !== undefined) return void known.push(work);
  const stack = [work];
  endings.set(t, stack);
  t.after(async () => {
    for (const ending of stack.toReversed()) await ending();
  });
}

async function reachableDirectory(atEnd: (remove: () => Promise<void>) => void): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-"));
  atEnd(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  return directory;
}

export interface TestServer {
  readonly port: number;
  readonly socketDirectory: string;
  readonly process: ChildProcess;
  /** as the internal superuser, through the socket; closed when the test ends */
  connect(): Promise<Client>;
  stop(signal: "SIGINT" | "SIGQUIT"): Promise<void>;
}

export interface ServerRequest {
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  readonly dataDirectory: string;
  readonly name: string;
  readonly settings?: Settings;
  readonly replication?: ReplicationSettings;
}

/** Starts a server on a directory made by createDirectories, with our own configuration, and waits for it. */
export async function startServer(t: Pick<TestContext, "after">, request: ServerRequest): Promise<TestServer> {
  const { engine, owner, dataDirectory } = request;
  const socketDirectory = await mkdtemp(join(tmpdir(), "ms-"));
  await chmod(socketDirectory, 0o777);
  const port = await freePort();
  const sizing = { major: engine.major, memoryBytes: 2 ** 30, cpus: 2, diskBytes: 2 ** 36, members: 3 };
  await writeConfiguration({
    dataDirectory,
    socketDirectory,
    logDirectory: join(socketDirectory, "log"),
    port,
    owner,
    clusterName: request.name,
    settings: { ...computeSettings(sizing), ...request.settings },
  });
  const none = { primaryConninfo: "", primarySlotName: "", synchronousStandbyNames: "" };
  await writeReplicationConf(dataDirectory, request.replication ?? none, owner);
  const child = spawn(join(engine.binDirectory, "postgres"), ["-D", dataDirectory], {
    ...identityOf(owner),
    env: serverEnvironment(engine),
    stdio: "ignore",
  });
  const server = { port, socketDirectory, process: child };
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit", { signal: AbortSignal.timeout(limitMs) });
  };
  atEnd(t, async () => {
    await stop("SIGQUIT");
    await rm(socketDirectory, { recursive: true, force: true });
  });
  const connect = (): Promise<Client> => connectWhenReady(t, server);
  await (await connect()).end();
  return { ...server, connect, stop };
}

async function connectWhenReady(
  t: Pick<TestContext, "after">,
  server: { readonly port: number; readonly socketDirectory: string; readonly process: ChildProcess },
): Promise<Client> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const client = new Client({
      host: server.socketDirectory,
      port: server.port,
      user: "matriarch",
      database: "postgres",
      query_timeout: limitMs,
      options: "-c synchronous_commit=local",
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      atEnd(t, () => client.end());
      return client;
    } catch (error) {
      if (server.process.exitCode !== null || Date.now() > deadline) throw error;
      await sleep(10);
    }
  }
}
