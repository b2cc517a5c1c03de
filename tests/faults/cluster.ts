/**
 * One cluster of an installation, for the tests of faults: its status and events as the agent tells them, its members'
 * processes, and a story: a fault under load, after which every acknowledged write must be there.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { Client, type ClientConfig } from "pg";
import {
  clusterStatusSchema,
  eventSchema,
  type ClusterEvent,
  type ClusterStatus,
  type MemberStatus,
} from "../../src/contract/cluster.ts";
import { assertKept, checkHistory, type Verdict } from "../checker/history.ts";
import { prepareTable, readRows, recordWrites, type WriteRecorder } from "../checker/record-writer.ts";
import type { Installation } from "./installation.ts";
import { until } from "./until.ts";

const password = "a password of the tests";

export interface StoryOptions {
  /** writes also past the endpoint, to every member's own port: a deposed server must acknowledge nothing there either */
  readonly direct?: boolean;
  readonly connections?: number;
  /** the state in which it ends */
  readonly endsIn?: ClusterStatus["state"];
  readonly withinMs?: number;
}

export class Cluster {
  readonly name: string;
  readonly installation: Installation;
  #stories = 0;
  #last: ClusterStatus | undefined;

  constructor(installation: Installation, name: string) {
    this.installation = installation;
    this.name = name;
  }

  async status(): Promise<ClusterStatus | undefined> {
    const parsed = clusterStatusSchema.safeParse(await this.installation.api(`/v1/clusters/${this.name}`));
    if (parsed.success) this.#last = parsed.data;
    return parsed.success ? parsed.data : undefined;
  }

  /** Waits for a status; the error shows the last one. */
  async until(what: string, isSo: (status: ClusterStatus) => boolean, withinMs = 60_000): Promise<ClusterStatus> {
    const look = async (): Promise<ClusterStatus | undefined> => {
      const status = await this.status();
      return status && isSo(status) ? status : undefined;
    };
    return until(`${this.name}: ${what}`, look, { withinMs, seen: () => JSON.stringify(this.#last) });
  }

  healthy(withinMs = 60_000): Promise<ClusterStatus> {
    return this.until("healthy", ({ state }) => state === "healthy", withinMs);
  }

  async member(id: string): Promise<MemberStatus> {
    const found = (await this.status())?.members.find((member) => member.id === id);
    if (!found) throw new Error(`there is no member ${id}`);
    return found;
  }

  async primary(): Promise<Running> {
    const status = await this.until("a primary", ({ primary }) => primary !== null);
    return running(status.members.find(({ id }) => id === status.primary));
  }

  async standbys(): Promise<readonly Running[]> {
    const status = await this.until("a primary", ({ primary }) => primary !== null);
    return status.members.filter(({ id }) => id !== status.primary).map(running);
  }

  async standby(): Promise<Running> {
    const [first] = await this.standbys();
    return running(first);
  }

  async events(): Promise<readonly ClusterEvent[]> {
    return eventSchema.array().parse(await this.installation.api(`/v1/clusters/${this.name}/events?limit=1000`));
  }

  async lastEvent(): Promise<number> {
    return (await this.events()).at(-1)?.id ?? 0;
  }

  /** An event of this type after `afterId`; of several types, one of them. */
  async event(types: string | readonly string[], afterId: number, member?: string): Promise<ClusterEvent> {
    let seen: readonly ClusterEvent[] = [];
    const wanted = typeof types === "string" ? [types] : types;
    return until(
      `${this.name}: event ${wanted.join(" or ")}${member === undefined ? "" : ` of ${member}`}`,
      async () => {
        seen = (await this.events()).filter(({ id }) => id > afterId);
        return seen.find((event) => wanted.includes(event.type) && (member === undefined || event.member === member));
      },
      { withinMs: 15_000, seen: () => seen.map(({ type, message }) => `${type}: ${message}`).join("\n") },
    );
  }

  target(kind: "primary" | "read" = "primary"): ClientConfig {
    const port = this.#last?.endpoints[kind].port;
    return { host: "localhost", port, ...this.#credentials(), ssl: { ca: this.#ca() } };
  }

  direct(member: { readonly port: number }): ClientConfig {
    return { host: "127.0.0.1", port: member.port, ...this.#credentials(), ssl: false };
  }

  async connect(target: ClientConfig = this.target()): Promise<Client> {
    const client = new Client({ connectionTimeoutMillis: 20_000, ...target });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async query(sql: string, target: ClientConfig = this.target()): Promise<readonly Record<string, unknown>[]> {
    const client = await this.connect(target);
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** `work` while a client writes; then the cluster recovers, and what was acknowledged must be there. */
  async story(work: (writer: WriteRecorder) => Promise<void>, options: StoryOptions = {}): Promise<Verdict> {
    const { endsIn = "healthy", withinMs = 60_000, connections = 3 } = options;
    const { members } = await this.until(`${endsIn} at the beginning`, ({ primary }) => primary !== null);
    const table = `story_${(this.#stories += 1)}`;
    await prepareTable(this.target(), table);
    const targets = [this.target(), ...(options.direct ? members.map((member) => this.direct(member)) : [])];
    const writer = recordWrites({
      targets,
      table,
      connections: connections + (options.direct ? 3 : 0),
      pauseMs: 3,
      patienceMs: 10_000,
    });
    try {
      await writer.acknowledged(20, 30_000);
      await work(writer);
      await this.until(endsIn, ({ state }) => state === endsIn, withinMs);
      if (endsIn !== "unavailable") await writer.acknowledged(20, 30_000);
    } finally {
      await writer.stop();
    }
    const verdict = checkHistory(writer.history, await readRows(this.target(), table));
    assertKept(verdict);
    return verdict;
  }

  #credentials(): Pick<ClientConfig, "user" | "password" | "database"> {
    return { user: "postgres", password, database: "postgres" };
  }

  #ca(): string {
    return readFileSync(`${this.installation.home}/ca/ca.crt`, "utf8");
  }
}

export type Running = MemberStatus & { readonly pid: number };

function running(member: MemberStatus | undefined): Running {
  if (!member || member.pid === null) throw new Error(`not running: ${JSON.stringify(member)}`);
  return { ...member, pid: member.pid };
}

/** Made by the real command, with a password that the tests know. */
export async function createCluster(
  installation: Installation,
  name: string,
  ...flags: readonly string[]
): Promise<Cluster> {
  const port = String(await freePair());
  const ran = await installation.run(["create", name, "--json", "--password-file", "-", "--port", port, ...flags], {
    input: password,
  });
  assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
  const cluster = new Cluster(installation, name);
  await cluster.healthy();
  return cluster;
}

/** Of this test's own: another one must not be given the ports of a cluster that is stopped for a moment. */
let nextPort = 10_000 + ((process.pid * 64) % 9000);

async function freePair(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort += 2;
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

export function tell(name: string, { gap, acknowledged, unknown, unknownCommitted }: Verdict): void {
  process.stderr.write(
    `${name}: longest gap ${gap?.ms.toFixed(0)} ms; ${acknowledged} acknowledged, ${unknown} unknown, ${unknownCommitted} of them committed\n`,
  );
}
