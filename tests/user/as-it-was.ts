/** What a refused request must leave as it was, seen from outside: used by the tests of refusals around each request. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Client } from "pg";
import { z } from "zod";
import { clusterStatusSchema, eventSchema } from "../../src/contract/cluster.ts";
import { errorBodySchema } from "../../src/contract/error.ts";
import type { Installation } from "../faults/installation.ts";

const named = z.array(z.object({ name: z.string() }));
const withId = z.array(z.object({ id: z.string() }));

export interface Refusing {
  readonly installation: Installation;
  /** of cluster `shop`, which has a table `rows` */
  readonly client: Client;
}

export interface Asking {
  /** below `/v1/clusters/` */
  readonly path: string;
  readonly body?: unknown;
  readonly method?: "POST" | "DELETE";
}

/** With this code and these words, and nothing has come of it. */
export async function refused(at: Refusing, asking: Asking, code: string, says: RegExp): Promise<void> {
  await asItWas(at, async () => {
    const answer = await ask(at.installation, asking);
    const { error } = errorBodySchema.parse(answer);
    const told = [error.message, error.detail, error.hint].join("\n");
    assert.equal(error.code, code, `${asking.path} ${JSON.stringify(asking.body)}: ${told}`);
    assert.match(told, says);
  });
}

/** The same of a command. */
export async function refusesCommand(at: Refusing, args: readonly string[], code: number, says: RegExp): Promise<void> {
  await asItWas(at, async () => {
    const ran = await at.installation.run(args);
    const told = `matriarch ${args.join(" ")}: ${ran.code}\n${ran.stdout}${ran.stderr}`;
    assert.equal(ran.code, code, told);
    assert.match(ran.stderr, says, told);
  });
}

async function asItWas({ installation, client }: Refusing, work: () => Promise<void>): Promise<void> {
  const before = await picture(installation, client);
  await work();
  assert.deepEqual(await picture(installation, client), before);
}

async function ask({ home }: Installation, { path, body, method = "POST" }: Asking): Promise<unknown> {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const asked = request({ socketPath: join(home, "agent.sock"), path: `/v1/clusters/${path}`, method, headers });
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  const [response]: IncomingMessage[] = await once(asked, "response");
  const answer: unknown = JSON.parse(response === undefined ? "" : await text(response));
  return answer;
}

async function picture(installation: Installation, client: Client): Promise<unknown> {
  const events = eventSchema.array().parse(await installation.api("/v1/clusters/shop/events?limit=1000"));
  const status = clusterStatusSchema.parse(await installation.api("/v1/clusters/shop"));
  const identity = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
  return {
    directories: await Promise.all(["clusters", "snapshots", "archives", "backups"].map(entries(installation.home))),
    clusters: named.parse(await installation.api("/v1/clusters")).map(({ name }) => name),
    operations: withId.parse(await installation.api("/v1/operations")).map(({ id }) => id),
    // What the agent does by itself meanwhile is its own business.
    events: events.filter(({ actor }) => actor !== "matriarch").map(({ type }) => type),
    source: [
      status.epoch,
      status.primary,
      (await client.query(identity)).rows,
      (await client.query("SELECT * FROM rows ORDER BY 1")).rows,
    ],
  };
}

/** Of each cluster in there: what it has. */
function entries(home: string): (directory: string) => Promise<readonly string[]> {
  return async (directory) => {
    const clusters = await readdir(join(home, directory)).catch(() => []);
    const names = clusters.map(async (name) => {
      const found = await readdir(join(home, directory, name)).catch(() => []);
      return [join(directory, name), ...found.map((one) => join(directory, name, one))];
    });
    return (await Promise.all(names)).flat().toSorted();
  };
}
