/**
 * Each way to say what a restore leads to, over several hosts and past a switchover: a position in the log, a restore point,
 * and storage elsewhere; asked of hosts in turn, and with the primary's host lost. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { operationSchema } from "../../src/contract/cluster.ts";
import { skip as whyNoProgram } from "../faults/backup-shop.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

/** After its row, and before the next one's. */
interface Moment {
  readonly rows: string;
  readonly lsn: string;
  readonly point: string;
}

describe("what a restore over several hosts leads to", { skip: whyNoLab() || whyNoProgram }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let repository: string;
  let turn = 0;

  before(
    async () => {
      // All hosts of the laboratory see the same files, as if it were mounted.
      repository = mkdtempSync("/tmp/mb-");
      chmodSync(repository, 0o777);
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop", "--engine", "system", "--version", "15");
    },
    { timeout: 180_000 },
  );
  after(
    async () => {
      await lab?.[Symbol.asyncDispose]();
      rmSync(repository, { recursive: true, force: true });
    },
    { timeout: 60_000 },
  );

  async function ask(host: Host, name: string, sql: string): Promise<string> {
    const told = await host.ok("connect", name, "-c", `SELECT 'said:' || (${sql})::text || ';'`);
    return /said:(.*?);/.exec(told)?.[1] ?? assert.fail(told);
  }

  const rowsSql = "SELECT pg_catalog.string_agg(id::text, ',' ORDER BY id) FROM rows";

  async function add(id: number): Promise<Moment> {
    const host = await cluster.primary();
    await host.ok("connect", "shop", "-c", `INSERT INTO rows VALUES (${id})`);
    const lsn = await ask(host, "shop", "SELECT pg_catalog.pg_current_wal_flush_lsn()");
    const point = `after-${id}`;
    await host.ok("restore-point", "create", "shop", point);
    return { rows: await ask(host, "shop", rowsSql), lsn, point };
  }

  /** Asked of one host after the other. @returns where it was made from */
  async function leadsTo(rows: string, among: readonly Host[], ...flags: readonly string[]): Promise<string> {
    const by = among[turn++ % among.length];
    assert.ok(by);
    await by.ok("restore", "shop", "back", ...flags);
    const operations = operationSchema.array().parse(await by.api("/v1/operations?cluster=back"));
    const made = operations.find(({ kind }) => kind === "restore");
    assert.equal(await ask(by, "back", rowsSql), rows, `${by.name}: ${flags.join(" ")}`);
    await by.ok("destroy", "back", "--yes");
    return String(made?.result?.["began_with"]);
  }

  test("positions, points and the repository, before and after a switchover, and with the primary's host lost", async () => {
    const primary = await cluster.primary();
    await primary.ok("connect", "shop", "-c", "CREATE TABLE rows (id int PRIMARY KEY)");
    await primary.ok("backup", "enable", "shop", "--to", repository);
    await primary.ok("snapshot", "create", "shop");
    const first = await add(1);
    await primary.ok("switchover", "shop");
    await cluster.healthy();
    const second = await add(2);
    await add(3);
    // Whatever came before it is in the repository by then.
    await primary.ok("backup", "create", "shop");

    for (const { rows, lsn, point } of [first, second]) {
      assert.match(await leadsTo(rows, lab.hosts, "--lsn", lsn), /^shop-/);
      assert.match(await leadsTo(rows, lab.hosts, "--name", point), /^shop-/);
      const stored = ["--from-repository", "--lsn", lsn];
      assert.match(await leadsTo(rows, lab.hosts, ...stored), /^\d{8}-\d{6}F/);
      assert.match(await leadsTo(rows, lab.hosts, "--from-repository", "--name", point), /^\d{8}-\d{6}F/);
    }

    const lost = await cluster.primary();
    const left = lab.others(lost);
    await lost.kill();
    await cluster.until(
      "another primary",
      ({ primary: id, members }) => id !== null && members.find((member) => member.id === id)?.host !== lost.name,
      60_000,
      left[0],
    );
    for (const { rows, lsn } of [first, second]) await leadsTo(rows, left, "--from-repository", "--lsn", lsn);
    await leadsTo(first.rows, left, "--from-repository", "--name", first.point);
    // Whoever made a point knows it; the others have heard of it in its event.
    const [asked] = left;
    const { code, stderr } =
      (await asked?.matriarch(["restore", "shop", "back", "--from-repository", "--name", second.point])) ?? {};
    assert.equal(code, 5);
    assert.match(stderr ?? "", new RegExp(`Nothing is heard of "${lost.name}".*--type restore.point-made`, "s"));
    const told = (await asked?.ok("events", "shop", "--type", "restore.point-made")) ?? "";
    const position = new RegExp(`"${second.point}" made at (\\S+)`).exec(told)?.[1] ?? assert.fail(told);
    await leadsTo(second.rows, left, "--from-repository", "--lsn", position);
    lost.boot();
    await cluster.healthy(120_000);
    await leadsTo(first.rows, lab.hosts, "--name", first.point);
  });
});
