/** A replica that follows a standby, which is really frozen for a while. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { postmasterGroup, signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

describe("a replica of a standby (2 members and it)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "2");
    await cluster.healthy();
  });
  after(() => installation[Symbol.asyncDispose]());

  /** Members whose streams leave this one. */
  const streamsOf = async (id: string): Promise<readonly string[]> => {
    const member = await cluster.member(id);
    const rows = await cluster.query(
      "SELECT application_name AS name FROM pg_stat_replication",
      cluster.direct(member),
    );
    return rows.map(({ name }) => String(name).replace(/_i?\d+$|@.*$/, "")).toSorted();
  };
  /** A member that was told to follow another a moment ago, and was looked at before it does, counts as streaming. */
  const untilOneStream = async (id: string): Promise<void> => {
    let seen: readonly string[] = [];
    const look = async (): Promise<true | undefined> => {
      seen = await streamsOf(id);
      return seen.length === 1 ? true : undefined;
    };
    await until(`one stream to leave ${id}`, look, { seen: () => seen.join() });
  };

  test("refused: a primary, one that is not there, a replica of a replica", async () => {
    const { id } = await cluster.primary();
    for (const [upstream, pattern] of [
      [id, /is the primary, which members follow anyway/],
      ["shop-9", /shop-9/],
    ] as const) {
      const ran = await installation.run(["member", "add", "shop", "--upstream", upstream]);
      assert.notEqual(ran.code, 0);
      assert.match(ran.stderr, pattern);
    }
    assert.equal((await cluster.status())?.members.length, 2);
  });

  test("it follows the standby, has what is written, and is no voter", async () => {
    const { id: upstream } = await cluster.standby();
    await installation.ok("member", "add", "shop", "--upstream", upstream);
    const status = await cluster.healthy();
    const added = await cluster.member("shop-3");
    assert.deepEqual([added.upstream, added.is_voter, added.is_read_replica], [upstream, false, true]);
    assert.deepEqual(status.rule.voters, [upstream]);
    await untilOneStream(upstream);
    // Not two: the replica's does not come from here.
    await untilOneStream((await cluster.primary()).id);
    await cluster.query("CREATE TABLE notes AS SELECT 1 AS id");
    const sees = async (): Promise<true | undefined> =>
      (await cluster.query("SELECT to_regclass('notes') IS NOT NULL AS there", cluster.direct(added)))[0]?.["there"] ===
      true
        ? true
        : undefined;
    await until("the replica to have it", sees);
    const again = await installation.run(["member", "add", "shop", "--upstream", "shop-3"]);
    assert.match(again.stderr, /follows ".*" itself/);
  });

  test("its standby freezes: it follows the primary by itself, and the standby again when that one is back", async () => {
    const { id: upstream, pid } = await cluster.standby();
    assert.notEqual(upstream, "shop-3");
    const since = await cluster.lastEvent();
    signalAll(postmasterGroup(installation.home, pid), "SIGSTOP");
    const lost = await cluster.event("upstream.lost", since, "shop-3");
    assert.match(lost.message, /"shop-3" follows "shop-\d", for "shop-\d" does not stream/);
    await cluster.event("upstream.back", lost.id, "shop-3");
    await cluster.healthy();
    await untilOneStream(upstream);
    const { id } = await cluster.primary();
    const slots = "SELECT slot_name AS name FROM pg_replication_slots";
    const kept = async (): Promise<true | undefined> =>
      (await cluster.query(slots)).every(({ name }) => !String(name).endsWith("3")) ? true : undefined;
    await until(`${id} to keep no slot for it`, kept);
  });

  test("the primary is lost: the standby takes over, the replica follows it and never stands for election", async () => {
    const { pid } = await cluster.primary();
    const since = await cluster.lastEvent();
    signalAll(postmasterGroup(installation.home, pid), "SIGSTOP");
    await cluster.event("failover.done", since);
    const status = await cluster.healthy();
    assert.notEqual(status.primary, "shop-3");
    const voted = (await cluster.events()).filter(
      ({ id, type, member }) => id > since && type === "vote.cast" && member === "shop-3",
    );
    assert.deepEqual(voted, []);
  });
});
