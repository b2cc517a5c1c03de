/** Hosts and members that come, go, or return after long. */
import { promised, type Story } from "../lab/stories.ts";
import { joined, rejoin } from "./spare.ts";

const manyRows = "INSERT INTO filler SELECT repeat(md5(i::text), 20) FROM generate_series(1, 40000) i";

export const membership: readonly Story[] = [
  {
    name: "standby back after so long that the primary's log for it is gone",
    outcome: "it gets a new copy by itself; the primary's disk did not fill for it",
    gapMsMax: promised.processKilled,
    needs: "short-slots",
    healsWithinMs: 180_000,
    run: async (scene) => {
      const [absent] = await scene.standbys();
      if (!absent) throw new Error("there is no standby");
      await absent.kill();
      const primary = await scene.primary();
      const sql = (text: string): Promise<string> => primary.ok("connect", scene.cluster.name, "-c", text);
      await sql("CREATE TABLE IF NOT EXISTS filler (t text)");
      for (let turn = 0; turn < 6; turn += 1) await sql(manyRows);
      await sql("SELECT pg_switch_wal()");
      await sql("CHECKPOINT");
      absent.boot();
      await scene.cluster.healthy(180_000);
      await sql("DROP TABLE filler");
    },
  },
  {
    name: "a host joins while the primary's host is lost",
    outcome: "the join succeeds, or says that it must be tried again; the failover is not held up",
    gapMsMax: promised.hostLost,
    needs: "spare",
    run: async (scene) => {
      const lost = await scene.primary();
      const [spare] = scene.lab.spare;
      if (!spare) throw new Error("there is no spare host");
      const [other] = scene.others(lost);
      if (!other) throw new Error("there is no other host");
      await lost.kill();
      const joining = scene.lab.join(spare, other);
      await scene.writesAgain();
      await joining;
      lost.boot();
    },
  },
  {
    name: "a member is added while the primary's postmaster is killed, and removed while its host is cut off",
    outcome: "both are done in the end; no second primary",
    needs: "spare",
    healsWithinMs: 180_000,
    run: async (scene) => {
      const primary = await scene.primary();
      const [other] = scene.others(primary);
      if (!other) throw new Error("there is no other host");
      const spare = await joined(scene);
      const adding = other.matriarch(["member", "add", scene.cluster.name, "--on", spare.name, "--yes"], {
        withinMs: 180_000,
      });
      await primary.killRole("postmaster");
      await scene.writesAgain();
      const added = await adding;
      if (added.code !== 0) throw new Error(`member add ended with ${added.code}: ${added.stderr}`);
      const status = await scene.cluster.healthy();
      const member = status.members.find(({ host }) => host === spare.name);
      if (!member) throw new Error("the member is not there");
      await spare.vanish();
      const removed = await other.matriarch(["member", "remove", scene.cluster.name, member.id, "--yes"], {
        withinMs: 180_000,
      });
      if (removed.code !== 0) throw new Error(`member remove ended with ${removed.code}: ${removed.stderr}`);
      await scene.writesAgain();
    },
  },
  {
    name: "a host is removed while it is lost",
    outcome: "it is gone; when it comes back it is told so and stays out, and joins again when somebody says so",
    needs: "spare",
    run: async (scene) => {
      const host = await scene.primary();
      const spare = await joined(scene);
      await spare.kill();
      await host.ok("host", "remove", spare.name, "--yes", "--lost");
      spare.boot();
      await scene.writesAgain(200);
      const refused = await spare.matriarch(["host", "join", await scene.lab.token(host)]);
      if (refused.code !== 3 || !refused.stderr.includes("was removed from the installation"))
        throw new Error(`host join of a removed host ended with ${refused.code}: ${refused.stderr}`);
      await rejoin(scene, spare, host);
    },
  },
];
