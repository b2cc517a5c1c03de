/** A cluster whose settings are looked at and changed by the real commands. Called by the tests of settings. */
import assert from "node:assert/strict";
import { settingsReportSchema, type Setting } from "../../src/contract/settings.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";

/** By users, of a new cluster. */
export const given: readonly string[] = [];

export class Fixture {
  readonly installation: Installation;
  readonly cluster: Cluster;

  constructor(installation: Installation, cluster: Cluster) {
    this.installation = installation;
    this.cluster = cluster;
  }

  static async make(members: number): Promise<Fixture> {
    const installation = await makeInstallation();
    return new Fixture(installation, await createCluster(installation, "shop", "--members", String(members)));
  }

  run(...args: readonly string[]): Promise<Ran> {
    return this.installation.run(args);
  }

  async show(...args: readonly string[]): Promise<readonly Setting[]> {
    const document: unknown = await this.installation.json("config", "show", "shop", ...args);
    return settingsReportSchema.parse(document).settings;
  }

  /** What users have given, and what waits for a restart. */
  async given(): Promise<readonly string[]> {
    return (await this.show("--changed")).map(({ name, value }) => `${name}=${value}`);
  }

  async setting(name: string): Promise<Setting> {
    const [found] = await this.show(name);
    assert.ok(found);
    return found;
  }

  async refused(code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> {
    const ran = await this.run(...args);
    assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
    assert.doesNotMatch(ran.stderr, /at .*\.(ts|mjs|js):\d+/, "a refusal is no stack trace");
  }

  /** As each member's own server says, to any client that comes to its port. */
  async shown(name: string): Promise<readonly unknown[]> {
    const { members } = await this.cluster.healthy();
    return Promise.all(
      members.map(async (member) => {
        const rows = await this.cluster.query(`SHOW ${name}`, this.cluster.direct(member));
        return Object.values(rows[0] ?? {})[0];
      }),
    );
  }

  async startedAt(): Promise<readonly unknown[]> {
    const { members } = await this.cluster.healthy();
    const sql = "SELECT pg_postmaster_start_time()::text AS at";
    return Promise.all(
      members.map(async (member) => (await this.cluster.query(sql, this.cluster.direct(member)))[0]?.["at"]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.installation[Symbol.asyncDispose]();
  }
}
