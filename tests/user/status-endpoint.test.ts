/**
 * The status endpoint as load balancers and monitors meet it: every path with its codes, a real HAProxy with the usual
 * configuration through a switchover, a failover and an agent's end, and clients that mean no good.
 */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { request as requestSecurely } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Client } from "pg";
import type { MemberStatus } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";
import { postmasterGroup, signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const haproxy = ["/usr/sbin/haproxy", "/usr/bin/haproxy"].find((path) => existsSync(path));

const run = promisify(execFile);
const hasPatroni = await run("/usr/bin/python3", ["-c", "import patroni.ha"]).then(
  () => true,
  () => false,
);
/** Its request code, and what its loop makes of another member's answer. */
const patroniClient = `
import sys, json
from patroni.request import get, PatroniRequest
from patroni.dcs import Member
from patroni.ha import _MemberStatus
for url in sys.argv[1:]:
    members = json.loads(get(url + "/cluster").data)["members"]
    member = Member.from_node(1, "m", "s", json.dumps({"api_url": url + "/patroni"}))
    said = _MemberStatus.from_api_response(member, json.loads(PatroniRequest({})(member).data))
    leaders = sum(1 for one in members if one["role"] == "leader")
    print(json.dumps({"in_recovery": said.in_recovery, "wal": int(said.wal_position), "timeline": said.timeline, "leaders": leaders}))
`;
import { freePort, freePorts } from "../fixtures/ports.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string | undefined;
}

function ask(url: string, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, timeout: 8000 }, (response) => {
      const status = response.statusCode ?? 0;
      text(response).then((body) => resolve({ status, body, type: response.headers["content-type"] }), reject);
    });
    asked.on("error", reject);
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.end();
  });
}

const codeOf = async (url: string, method = "GET"): Promise<number> => (await ask(url, method)).status;

const urlOf = ({ status_url: url }: MemberStatus): string => {
  assert.ok(url);
  return url;
};

describe("status endpoint (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  const codes = async (url: string, paths: readonly string[]): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await codeOf(`${url}${path}`)] as const)));

  test("codes of every path, on the primary and on a standby that is one of two voters", async () => {
    const [primary, standby] = [await cluster.primary(), await cluster.standby()];
    const ofPrimary = {
      "/": 200,
      "/primary": 200,
      "/master": 200,
      "/read-write": 200,
      "/leader": 200,
      "/standby-leader": 503,
      "/replica": 503,
      "/read-only": 200,
      "/read-only-sync": 200,
      "/read-only-quorum": 200,
      "/sync": 503,
      "/quorum": 503,
      "/async": 503,
      "/health": 200,
      "/liveness": 200,
      "/readiness": 200,
      "/patroni": 200,
      "/cluster": 200,
      "/history": 200,
      "/config": 200,
      "/failsafe": 502,
    };
    assert.deepEqual(await codes(urlOf(primary), Object.keys(ofPrimary)), ofPrimary);
    const ofStandby = {
      "/": 503,
      "/primary": 503,
      "/leader": 503,
      "/replica": 200,
      "/replica?lag=100MB": 200,
      "/replica?lag=10MB&replication_state=streaming": 200,
      "/replica?tag_region=local&tag_zone=local": 200,
      "/replica?tag_region=elsewhere": 503,
      "/replica?tag_unheard_of=1": 503,
      "/read-only": 200,
      "/read-only-sync": 503,
      "/quorum": 200,
      "/read-only-quorum": 200,
      "/sync": 503,
      "/synchronous": 503,
      "/asynchronous": 503,
      "/health": 200,
      "/liveness": 200,
      "/readiness?lag=64MB&mode=write": 200,
    };
    assert.deepEqual(await codes(urlOf(standby), Object.keys(ofStandby)), ofStandby);
    for (const method of ["HEAD", "OPTIONS"]) {
      assert.deepEqual(await ask(`${urlOf(primary)}/primary`, method), { status: 200, body: "", type: undefined });
      assert.equal(await codeOf(`${urlOf(standby)}/primary`, method), 503);
    }
  });

  test("fields of the JSON as Patroni has them", async () => {
    const [primary, standby] = [await cluster.primary(), await cluster.standby()];
    // A standby is healthy by its own word; its primary tells of the stream once it has looked again.
    const ofPrimary = await until("both streams to be told", async () => {
      const body = JSON.parse((await ask(`${urlOf(primary)}/patroni`)).body);
      return body.replication?.length === 2 ? body : undefined;
    });
    assert.deepEqual(
      Object.keys(ofPrimary),
      "state role postmaster_start_time server_version xlog timeline replication dcs_last_seen tags database_system_identifier patroni".split(
        " ",
      ),
    );
    assert.deepEqual([ofPrimary.state, ofPrimary.role, ofPrimary.patroni.scope], ["running", "primary", "shop"]);
    assert.ok(ofPrimary.xlog.location > 0 && ofPrimary.server_version >= 180_000, JSON.stringify(ofPrimary));
    const ofStandby = JSON.parse((await ask(`${urlOf(standby)}/replica`)).body);
    assert.deepEqual(Object.keys(ofStandby.xlog), [
      "received_location",
      "replayed_location",
      "replayed_timestamp",
      "paused",
    ]);
    assert.deepEqual([ofStandby.role, ofStandby.replication_state], ["replica", "streaming"]);
    const { members, scope } = JSON.parse((await ask(`${urlOf(standby)}/cluster`)).body);
    assert.equal(scope, "shop");
    assert.equal(
      members
        .map(({ role }: { role: string }) => role)
        .toSorted()
        .join(" "),
      "leader quorum_standby quorum_standby",
    );
    const { state, api_url: url, lag, port } = members.find(({ name }: { name: string }) => name === standby.id);
    assert.deepEqual([state, url, port], ["streaming", `${urlOf(standby)}/patroni`, standby.port]);
    assert.ok(lag < 1_000_000, String(lag));
  });

  test("Patroni's own client reads what members say of themselves", { skip: !hasPatroni }, async () => {
    const { members } = await cluster.healthy();
    const { stdout } = await run("/usr/bin/python3", ["-c", patroniClient, ...members.map(urlOf)]);
    const [primary, ...standbys] = stdout
      .trim()
      .split("\n")
      .map((line): { in_recovery: boolean; wal: number; timeline: number; leaders: number } => JSON.parse(line))
      .toSorted((a, b) => Number(a.in_recovery) - Number(b.in_recovery));
    assert.ok(primary);
    assert.deepEqual([primary.in_recovery, primary.leaders, primary.timeline > 0], [false, 1, true]);
    assert.equal(standbys.length, 2);
    for (const { in_recovery: isStandby, wal, timeline } of standbys)
      assert.deepEqual([isStandby, wal > 0, timeline], [true, true, primary.timeline]);
  });

  test("bad input: changes, unknown paths, sizes and words that are none", async () => {
    const url = urlOf(await cluster.primary());
    for (const [method, path] of [
      ["POST", "/switchover"],
      ["POST", "/reinitialize"],
      ["PATCH", "/config"],
      ["PUT", "/config"],
      ["DELETE", "/switchover"],
    ] as const) {
      const { status, body } = await ask(`${url}${path}`, method);
      assert.equal(status, 405);
      assert.match(body, /matriarch switchover\|failover/);
    }
    assert.equal(await codeOf(`${url}/replica?lag=lots`), 503, "it is no replica, whatever is asked");
    const standby = urlOf(await cluster.standby());
    for (const query of ["lag=lots", "lag=-1", "lag=1e9", "lag=", "lag=9".padEnd(30, "9")])
      assert.equal(await codeOf(`${standby}/replica?${query}`), 400, query);
    assert.equal(await codeOf(`${standby}/readiness?mode=maybe`), 400);
    const { status, body } = await ask(`${standby}/constructor`);
    assert.equal(status, 404);
    assert.match(body, /There is .*\/read-only-quorum/);
    for (const path of ["/primary/x", "/flycheck/all", "/metrics/x", "/%2e%2e/agent", "/v1/clusters"])
      assert.equal(await codeOf(`${standby}${path}`), 404, path);
    assert.equal(await codeOf(`${standby}/${"x".repeat(3000)}`), 414);
    assert.equal(await codeOf(`${standby}/?${"x".repeat(9000)}`), 431);
    assert.match(await says(standby, "GARBAGE\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await says(standby, "GET /health HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
  });

  test("a thousand that say nothing keep nobody out, and are gone in seconds", async () => {
    const url = new URL(urlOf(await cluster.primary()));
    const idle = Array.from({ length: 1000 }, () =>
      connect(Number(url.port), url.hostname).on("error", () => undefined),
    );
    const half = connect(Number(url.port), url.hostname, () => half.write("GET /primary HT")).on(
      "error",
      () => undefined,
    );
    for (const socket of [...idle, half]) socket.resume();
    await Promise.all(idle.map((socket) => closedOrOpen(socket)));
    for (let turn = 0; turn < 20; turn += 1) assert.equal(await codeOf(`${url.href}primary`), 200);
    assert.deepEqual(await cluster.query("SELECT 1 AS one"), [{ one: 1 }]);
    await until("all to be cut", () => ([...idle, half].every((socket) => socket.closed) ? true : undefined), {
      withinMs: 10_000,
    });
    await cluster.healthy();
  });

  test("a primary whose commits wait for a lost voter is none, and holds the lock all the same", async () => {
    const strict = await createCluster(installation, "vault", "--members", "2", "--durability", "strict");
    const primary = urlOf(await strict.primary());
    const isOpen = async (): Promise<true | undefined> =>
      (await codeOf(`${primary}/primary`).catch(() => 0)) === 200 ? true : undefined;
    await until("the new member's status", isOpen);
    const { pid, data_directory: directory } = await strict.standby();
    // It does not come back before there is a directory, and no copy of one is made while automation is paused.
    await installation.ok("pause", "vault");
    signalAll(postmasterGroup(installation.home, pid), "SIGKILL");
    await rename(directory, `${directory}.aside`);
    const code = async (): Promise<true | undefined> =>
      (await codeOf(`${primary}/primary`)) === 503 ? true : undefined;
    await until("/primary to say that nothing is acknowledged", code, { withinMs: 15_000 });
    assert.equal(await codeOf(`${primary}/leader`), 200);
    assert.equal(await codeOf(`${primary}/liveness`), 200);
    assert.match((await ask(`${primary}/patroni`)).body, /"pause":true/);
    await rename(`${directory}.aside`, directory);
    await installation.ok("resume", "vault");
    await strict.healthy();
    await until("/primary to be one again", isOpen);
    await installation.ok("destroy", "vault", "--yes");
    const isShut = async (): Promise<true | undefined> =>
      codeOf(`${primary}/health`).then(
        () => undefined,
        () => true,
      );
    await until("its port to be closed", isShut);
  });

  test("without an agent the answers go on, and tell that a server has ended", async () => {
    const [primary, standby] = [await cluster.primary(), await cluster.standby()];
    await installation.killAgent();
    assert.deepEqual(await codes(urlOf(primary), ["/primary", "/health"]), { "/primary": 200, "/health": 200 });
    assert.equal(await codeOf(`${urlOf(standby)}/replica`), 200);
    assert.equal(await codeOf(`${urlOf(primary)}/metrics`), 503);
    signalAll(postmasterGroup(installation.home, primary.pid), "SIGKILL");
    const isNone = async (): Promise<true | undefined> =>
      (await codeOf(`${urlOf(primary)}/primary`)) === 503 ? true : undefined;
    await until("/primary to say that it is none", isNone);
    await installation.startAgent();
    await cluster.healthy();
  });

  test(
    "HAProxy leads to the primary and to standbys, before and after a switchover and a failover",
    { skip: !haproxy },
    async () => {
      const { members } = await cluster.healthy();
      const ports = await startHaproxy(members);
      try {
        await leadsRight(cluster, ports);
        await installation.ok("switchover", "shop");
        const [holder] = [await cluster.primary()];
        const row = await until("the moment of the switchover", async () => {
          const rows: unknown = JSON.parse((await ask(`${urlOf(holder)}/history`)).body);
          return Array.isArray(rows) && Array.isArray(rows.at(-1)) && rows.at(-1).length === 5
            ? rows.at(-1)
            : undefined;
        });
        assert.equal(row[4], holder.id);
        assert.ok(Date.now() - Date.parse(row[3]) < 600_000);
        await leadsRight(cluster, ports);
        const since = await cluster.lastEvent();
        const { pid } = await cluster.primary();
        signalAll(postmasterGroup(installation.home, pid), "SIGKILL");
        await cluster.event(["failover.done", "primary.restarted"], since).catch(() => undefined);
        await cluster.healthy();
        await leadsRight(cluster, ports);
      } finally {
        await ports.end();
      }
    },
  );
});

describe("status endpoint as the agent's options have it (1 member)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "solo", "--members", "1");
  });
  after(() => installation[Symbol.asyncDispose]());

  async function restartWith(wanted: object): Promise<void> {
    await writeFile(join(installation.home, "agent.json"), JSON.stringify(wanted));
    await installation.killAgent();
    await installation.startAgent();
    await cluster.healthy();
  }
  const opens = (url: string): Promise<Answer> => until(url, () => ask(url).catch(() => undefined));

  test("the host's own port: paths begin with a member, or with a cluster that has one here", async () => {
    const port = await freePort();
    await restartWith({ status_port: port });
    const url = `http://127.0.0.1:${port}`;
    assert.equal((await opens(`${url}/solo-1/primary`)).status, 200);
    assert.equal(await codeOf(`${url}/solo/primary`), 200);
    assert.equal(await codeOf(`${url}/solo/replica`), 503);
    const { status, body } = await ask(`${url}/primary`);
    assert.equal(status, 404);
    assert.match(body, /begins with a member.*It has solo-1/);
    assert.match((await ask(`${url}/metrics`)).body, /^matriarch_info\{/m);
    assert.match((await ask(`${url}/solo/metrics`)).body, /^pg_up\{/m);
    assert.equal(await codeOf(`${url}/metrics`, "POST"), 405);
  });

  test("HTTPS with the endpoints' certificate; a router that runs changes over", async () => {
    const plain = urlOf(await cluster.member("solo-1"));
    await restartWith({ status_tls: "on" });
    const url = urlOf(await cluster.member("solo-1"));
    assert.equal(url, plain.replace("http:", "https:"));
    const ca = await readFile(join(installation.home, "ca", "ca.crt"));
    const secure = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const asked = requestSecurely(`${url}/primary`, { ca }, ({ statusCode }) => resolve(statusCode ?? 0));
        asked.on("error", reject);
        asked.end();
      });
    assert.equal(await until("HTTPS", () => secure().catch(() => undefined)), 200);
    await assert.rejects(ask(`${plain}/primary`));
  });

  test("off: nothing listens, and no URL is told", async () => {
    const url = urlOf(await cluster.member("solo-1")).replace("https:", "http:");
    await restartWith({ status_listen: "off" });
    assert.equal((await cluster.member("solo-1")).status_url, null);
    const isShut = async (): Promise<true | undefined> =>
      ask(`${url}/health`).then(
        () => undefined,
        ({ code }: NodeJS.ErrnoException) => (code === "ECONNREFUSED" ? true : undefined),
      );
    await until("the port to be closed", isShut);
    assert.equal((await installation.run(["metrics", "solo"])).code, 0);
  });

  test("nonsense is refused when the agent starts", async () => {
    await writeFile(
      join(installation.home, "agent.json"),
      JSON.stringify({ status_listen: "anywhere", status_port: -1, status_tls: 1 }),
    );
    await installation.killAgent();
    const { code, stderr } = await installation.run(["agent", "start"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /status_listen[^]*status_port[^]*status_tls/);
    await restartAgent(installation);
  });
});

async function restartAgent(installation: Installation): Promise<void> {
  await writeFile(join(installation.home, "agent.json"), "{}");
  await installation.startAgent();
}

/** What a raw request gets back. */
async function says(url: string, bytes: string): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname, () => socket.write(bytes));
  return text(socket);
}

function closedOrOpen(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
}

interface Haproxy {
  readonly primary: number;
  readonly replicas: number;
  end(): Promise<void>;
}

/** As users of Patroni have it: the members' servers, each checked at its own status port. */
async function startHaproxy(members: readonly MemberStatus[]): Promise<Haproxy> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-haproxy-"));
  const first = await freePorts(2);
  const servers = (extra: string): string =>
    members
      .map(
        (member) =>
          `  server ${member.id} 127.0.0.1:${member.port} maxconn 100 check port ${new URL(urlOf(member)).port}${extra}`,
      )
      .join("\n");
  const listener = (name: string, port: number, check: string): string => `listen ${name}
  bind 127.0.0.1:${port}
  ${check}
  http-check expect status 200
  default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers("")}`;
  const config = `global
  maxconn 1000
defaults
  mode tcp
  retries 2
  timeout client 30m
  timeout connect 4s
  timeout server 30m
  timeout check 5s
${listener("primary", first, "option httpchk OPTIONS /primary")}
${listener("replicas", first + 1, "option httpchk GET /replica?lag=16MB")}
`;
  const file = join(directory, "haproxy.cfg");
  await writeFile(file, config);
  const child: ChildProcess = spawn(haproxy ?? "haproxy", ["-db", "-f", file], { stdio: "ignore" });
  return {
    primary: first,
    replicas: first + 1,
    end: async () => {
      await endAll([child.pid ?? 0].filter((pid) => pid > 0));
      await rm(directory, { recursive: true });
    },
  };
}

async function leadsRight(cluster: Cluster, ports: Haproxy): Promise<void> {
  const { primary } = await cluster.healthy();
  const portOf = async (port: number): Promise<{ port: number; standby: boolean } | undefined> => {
    const client = new Client({ ...cluster.direct({ port }), connectionTimeoutMillis: 2000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const asked = "SELECT current_setting('port')::int AS port, pg_is_in_recovery() AS standby";
      return (await client.query<{ port: number; standby: boolean }>(asked)).rows[0];
    } catch {
      return undefined;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const { port } = await cluster.member(primary ?? "");
  await until("HAProxy to lead to the primary", async () =>
    (await portOf(ports.primary))?.port === port ? true : undefined,
  );
  await until("HAProxy to lead readers to standbys", async () => {
    const found = [await portOf(ports.replicas), await portOf(ports.replicas)];
    const isSo = found.every((server) => server?.standby === true) && found[0]?.port !== found[1]?.port;
    return isSo ? true : undefined;
  });
}
