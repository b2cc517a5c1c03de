/** Settings of a cluster while some of its members are away, changed by the real commands. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { endAll } from "../faults/installation.ts";
import { postmasterGroup } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { Fixture, given } from "./settings-fixture.ts";

describe("settings of three members of which not all are there", () => {
  let shop: Fixture;
  before(async () => {
    shop = await Fixture.make(3);
  });
  after(() => shop[Symbol.asyncDispose]());

  /** Their servers end, and cannot start again as long as `work` takes: there is no place for their logs. */
  async function without(members: readonly string[], work: () => Promise<void>): Promise<void> {
    const away = (await shop.cluster.healthy()).members.filter(({ id }) => members.includes(id));
    const logs = away.map(({ data_directory: directory }) => join(dirname(directory), "log"));
    for (const log of logs) {
      await rename(log, `${log}.aside`);
      await writeFile(log, "");
    }
    await endAll(away.flatMap(({ pid }) => (pid === null ? [] : postmasterGroup(shop.installation.home, pid))));
    try {
      await work();
    } finally {
      for (const log of logs) {
        await rm(log);
        await rename(`${log}.aside`, log);
      }
    }
    await shop.cluster.healthy();
  }

  test("one standby down: no restart is begun, what is written waits for it, and is finished when it is back", async () => {
    const { id: lost } = await shop.cluster.standby();
    const pair = "max_connections=250";
    await without([lost], async () => {
      const reason = new RegExp(`"${lost}" does not stream. Nothing was changed(.*\\n)*HINT: .*--pending`);
      await shop.refused(3, reason, "config", "set", "shop", pair, "--restart");
      assert.deepEqual(await shop.given(), given);
      const said = await shop.installation.ok("config", "set", "shop", pair);
      assert.match(said, new RegExp(`${lost}: with its next start`));
      await shop.refused(3, new RegExp(`"${lost}" does not stream`), "restart", "shop", "--pending");
    });
    assert.ok((await shop.setting("max_connections")).pending, "the others still wait");
    await shop.installation.ok("restart", "shop", "--pending");
    assert.deepEqual(await shop.shown("max_connections"), ["250", "250", "250"]);
    await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["200", "200", "200"]);
  });

  test("no primary: no restart is begun, and nothing is changed", async () => {
    const { id: lost } = await shop.cluster.standby();
    const { id: primary } = await shop.cluster.primary();
    await without([lost, primary], async () => {
      await until("it to be seen", async () => ((await shop.cluster.status())?.primary === null ? true : undefined));
      await shop.refused(1, /no primary/, "config", "set", "shop", "max_connections=250", "--restart");
    });
    assert.deepEqual(await shop.given(), given);
    assert.deepEqual(await shop.shown("max_connections"), ["200", "200", "200"]);
  });

  test("no primary: what needs no restart is in force on the one that runs, and on the others later", async () => {
    const { id: lost } = await shop.cluster.standby();
    const { id: primary } = await shop.cluster.primary();
    await without([lost, primary], async () => {
      await shop.cluster.until("it to be seen", ({ primary: serving }) => serving === null);
      const said = await shop.installation.ok("config", "set", "shop", "work_mem=11MB");
      assert.match(said, /in force on shop-\d\n/);
      assert.match(said, new RegExp(`${lost}: with its next start`));
    });
    assert.deepEqual(await shop.shown("work_mem"), ["11MB", "11MB", "11MB"]);
    await shop.installation.ok("config", "unset", "shop", "work_mem");
  });
});
