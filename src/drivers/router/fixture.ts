/** A router of its own in a temporary directory, for the tests of this folder. Test support only. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { EndpointConfig, Route, Target } from "../../router/wire.ts";
import type { RouterDriver } from "./port.ts";
import { createRouterDriver } from "./process.ts";

const entry = join(import.meta.dirname, "../../entry/router.ts");

export interface TestRouter {
  readonly directory: string;
  readonly driver: RouterDriver;
  /** another agent's view of the same router */
  readonly again: (version?: string) => RouterDriver;
  readonly endpoint: EndpointConfig;
  /** the endpoint's route, with the next epoch unless said otherwise */
  route(state: Route["state"], targets: readonly Target[], more?: Partial<Route>): Promise<void>;
  remove(): Promise<void>;
}

export interface Certificates {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** @param limits as MATRIARCH_ROUTER_LIMITS takes them */
export async function startRouter(
  port: number,
  tls: { certFile: string; keyFile: string },
  limits: Readonly<Record<string, number>> = {},
): Promise<TestRouter> {
  const directory = await mkdtemp(join(tmpdir(), "router-"));
  const endpoint: EndpointConfig = { cluster: "shop", kind: "primary", listenHost: "127.0.0.1", listenPort: port, tls };
  const make = (version = "1") =>
    createRouterDriver({
      command: process.execPath,
      args: [entry],
      environment: { MATRIARCH_ROUTER_LIMITS: JSON.stringify(limits) },
      controlPath: join(directory, "router.sock"),
      logPath: join(directory, "router.log"),
      version,
    });
  const driver = make();
  await driver.ensure();
  await driver.configure([endpoint]);
  let epoch = 0;
  return {
    directory,
    driver,
    again: make,
    endpoint,
    route: (state, targets, more = {}) =>
      driver.route([{ cluster: "shop", kind: "primary", epoch: ++epoch, state, targets, cut: true, ...more }]),
    remove: async () => {
      await driver.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function clientOf(port: number, password: string, more: pg.ClientConfig = {}): pg.Client {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres", password, ...more });
  // An ended connection is what the tests are about: it is seen where it is awaited.
  client.on("error", () => undefined);
  return client;
}

/** One statement on a connection of its own; the error, when there is one, has Postgres' `code`. */
export async function ask(port: number, password: string, sql: string, more: pg.ClientConfig = {}): Promise<unknown> {
  const client = clientOf(port, password, more);
  try {
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function psql(uri: string, sql: string): Promise<string> {
  const { stdout } = await promisify(execFile)("psql", ["-XAtq", uri, "-c", sql], { timeout: 20_000 });
  return stdout.trim();
}
