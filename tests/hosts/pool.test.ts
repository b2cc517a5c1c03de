/**
 * The pooled endpoint over several hosts: each host's pooler leads to the primary wherever it is, all of them hold their
 * clients while it moves, and a failover ends only transactions that were open.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { poolStatusSchema } from "../../src/contract/pool.ts";
import { findPgbouncer } from "../../src/drivers/pgbouncer/program.ts";
import { packagedTools } from "../../src/drivers/postgres/engine/system.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import { tryTool, type Ran } from "./lab/shell.ts";

const [tools] = await packagedTools(["pgbench"]);
const hasPooler = await findPgbouncer().then(
  () => true,
  () => false,
);

describe(
  "the pooled endpoint over hosts",
  { skip: whyNoLab() || (hasPooler && tools ? false : "no PgBouncer") },
  () => {
    let lab: Lab;
    let cluster: LabCluster;

    before(
      async () => {
        lab = await Lab.make({ hosts: 3 });
        cluster = await LabCluster.create(lab, "shop", "--members", "3", "--pool");
        await cluster.healthy();
        const { code, stderr } = await through(await cluster.primary(), ["-i", "-q"]);
        assert.equal(code, 0, stderr);
      },
      { timeout: 120_000 },
    );
    after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

    /** pgbench on the client's machine, through this host's pooled endpoint */
    async function through(host: Host, args: readonly string[]): Promise<Ran> {
      const { endpoints } = await cluster.until("a primary", ({ primary }) => primary !== null);
      const { user, password } = cluster.target(host);
      const env = { PATH: "/usr/bin:/bin", PGPASSWORD: String(password), PGSSLMODE: "require", PGUSER: String(user) };
      const at = ["-h", host.address, "-p", String(endpoints.pooled?.port), "postgres"];
      return tryTool([...lab.client, `${tools?.directory}/pgbench`, ...args, ...at], { env, withinMs: 60_000 });
    }

    const load = (host: Host, seconds: number): Promise<Ran> =>
      through(host, ["-n", "-M", "simple", "-c", "4", "-T", String(seconds), "-P", "1"]);
    const aborted = ({ stderr }: Ran): number => stderr.match(/client \d+ .*aborted/g)?.length ?? 0;

    test("a switchover while clients work through every host shows no error on any", { timeout: 90_000 }, async () => {
      const running = lab.hosts.map((host) => load(host, 8));
      const shown = await until("load", async () => {
        const parsed = poolStatusSchema.safeParse(await lab.hosts[0]?.api("/v1/clusters/shop/pool"));
        return parsed.success && parsed.data.hosts.every(({ clients }) => clients >= 4) ? parsed.data : undefined;
      });
      assert.equal(shown.hosts.length, 3);
      assert.equal(shown.servers_max, Math.floor((shown.max_connections - 10) / 3));
      const before = await cluster.primary();
      await lab.hosts[0]?.ok("switchover", "shop");
      await cluster.healthy();
      for (const ran of await Promise.all(running)) {
        assert.equal(aborted(ran), 0, ran.stderr);
        assert.equal(ran.code, 0, ran.stderr);
      }
      assert.notEqual((await cluster.primary()).name, before.name);
      assert.deepEqual(
        (await cluster.events()).filter(({ type }) => type.startsWith("pool.")).map(({ type }) => type),
        [],
      );
    });

    test(
      "the primary's host is lost: through the others, who has no transaction open goes on",
      { timeout: 90_000 },
      async () => {
        const lost = await cluster.primary();
        const others = lab.hosts.filter((host) => host !== lost);
        const running = others.map((host) => load(host, 10));
        await until("load", async () => {
          const parsed = poolStatusSchema.safeParse(await others[0]?.api("/v1/clusters/shop/pool"));
          const busy = parsed.success ? parsed.data.hosts.filter(({ clients }) => clients >= 4) : [];
          return busy.length >= 2 || undefined;
        });
        await lost.kill();
        for (const ran of await Promise.all(running))
          assert.doesNotMatch(ran.stderr, /authentication|query_wait_timeout/);
        await cluster.until("another primary", ({ primary, state }) => primary !== null && state !== "failing-over");
        for (const host of others) {
          const after = await load(host, 2);
          assert.equal(aborted(after), 0, after.stderr);
        }
      },
    );
  },
);
