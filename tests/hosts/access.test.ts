/**
 * People and programs on another machine, with certificates and tokens of each role, over real hosts: who is let in, who
 * is refused and with which words, what the audit says of it; and clients of Postgres with the URI that is printed.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { userCertificateSchema } from "../../src/contract/certificates.ts";
import { ensureAuthority } from "../../src/drivers/certificates/ca.ts";
import { issueUserCertificate } from "../../src/drivers/certificates/host.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import { holdSessions, type HeldSession } from "./lab/sessions.ts";
import { tryTool, type Ran } from "./lab/shell.ts";
import { hostPort } from "./lab/stories.ts";

const hourMs = 3_600_000;

describe("from another machine", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let host: Host;
  let files: string;

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
      host = await cluster.primary();
      files = join(host.directory, "people");
      mkdirSync(files);
      for (const role of ["viewer", "operator", "admin"])
        await host.ok("certificate", "create", "--role", role, "--name", role, "--directory", files);
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  /** The command line on the client's machine, which has nothing but these files. */
  function as(name: string, args: readonly string[], ca = `${name}.ca.crt`): Promise<Ran> {
    return fromClient(args, environmentOf(name, ca));
  }

  function environmentOf(name: string, ca = `${name}.ca.crt`): Readonly<Record<string, string>> {
    return {
      MATRIARCH_HOST: lab.hosts.map(({ address }) => `https://${address}:${hostPort.api}`).join(","),
      MATRIARCH_CA_FILE: join(files, ca),
      MATRIARCH_CERT_FILE: join(files, `${name}.crt`),
      MATRIARCH_KEY_FILE: join(files, `${name}.key`),
    };
  }

  function fromClient(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
    const bare = { PATH: "/usr/bin:/bin", HOME: files, MATRIARCH_HOME: join(files, "home"), NO_COLOR: "1" };
    return tryTool([...lab.client, ...host.cli, ...args], { env: { ...bare, ...env }, withinMs: 20_000 });
  }

  function refused(ran: Ran, says: RegExp): void {
    assert.ok(ran.code === 3 || ran.code === 1, `${ran.code}: ${ran.stdout}${ran.stderr}`);
    assert.match(ran.stderr, says);
  }

  test("each role may do what it is for, through every host, and no more", { timeout: 120_000 }, async () => {
    assert.equal(statSync(join(files, "viewer.key")).mode & 0o777, 0o600);
    for (const name of ["viewer", "operator", "admin"]) {
      const status = await as(name, ["status", "shop"]);
      assert.match(status.stdout, /shop is/, status.stderr);
    }
    const pause = ["pause", "shop", "--for", "1m"];
    refused(await as("viewer", pause), /"viewer" may not do this.*needs the role operator/s);
    assert.match((await as("operator", pause)).stdout, /paused/);
    assert.equal((await as("operator", ["resume", "shop"])).code, 0);
    refused(await as("operator", ["destroy", "shop", "--yes"]), /needs the role admin/);
    refused(await as("operator", ["token", "list"]), /needs the role admin/);
    assert.equal((await as("admin", ["host", "label", "a", "seen=yes"])).code, 0);
    // Changes stand in the audit of the host that was asked.
    const audit = await lab.host("a").ok("audit", "--limit", "20");
    assert.match(audit, /viewer \(viewer\) .*certificate +not-allowed +POST \/v1\/clusters\/shop\/pause/);
    assert.match(audit, /operator \(operator\) .*certificate +done +POST \/v1\/clusters\/shop\/pause/);
    assert.match(audit, /admin \(admin\) .*certificate +done +POST \/v1\/hosts\/a\/labels/);
  });

  test("a cluster is made where it goes, whichever host is asked", { timeout: 60_000 }, async () => {
    const [other] = lab.hosts.filter(({ name }) => name !== host.name);
    assert.ok(other);
    await other.ok("host", "drain", other.name, "--yes");
    await other.ok("create", "elsewhere", "--members", "1");
    assert.doesNotMatch(await other.ok("member", "list", "elsewhere", "--json"), new RegExp(`"host": "${other.name}"`));
    await other.ok("destroy", "elsewhere", "--yes");
    await other.ok("host", "undrain", other.name);
  });

  test("databases, users and applications, by a host that has not the primary", { timeout: 60_000 }, async () => {
    const [other] = lab.others(host);
    assert.ok(other);
    await other.ok("database", "create", "shop", "stock");
    await other.ok("user", "create", "shop", "clerk", "--database", "stock", "--role", "owner");
    await other.ok("user", "grant", "shop", "clerk", "--database", "stock", "--role", "reader");
    assert.match(await host.ok("user", "list", "shop"), /clerk.*stock/);
    assert.match(await other.ok("user", "rotate", "shop", "clerk"), /postgresql:\/\/clerk:/);
    const file = join(files, "web.env");
    await other.ok("attach", "shop", "--app", "web", "--env-file", file, "--yes");
    const first = uriIn(file);
    assert.equal((await whoIs(first)).stdout.trim(), "web");
    await other.ok("attach", "shop", "--app", "web", "--rotate");
    assert.match((await whoIs(first)).stderr, /password authentication failed/);
    assert.equal((await whoIs(uriIn(file))).stdout.trim(), "web");
    assert.match(await host.ok("database", "list", "shop"), /web.*web/);
    await other.ok("detach", "shop", "--app", "web", "--yes");
    for (const name of ["web", "stock"]) await other.ok("database", "drop", "shop", name, "--yes");
    await other.ok("user", "drop", "shop", "clerk", "--yes");
    assert.doesNotMatch(await host.ok("user", "list", "shop"), /clerk|web/);
  });

  function whoIs(uri: string): Promise<Ran> {
    return tryTool([...lab.client, "psql", "-XAtc", "SELECT session_user", uri], { env: { PATH: "/usr/bin:/bin" } });
  }

  /** A session by a host's endpoint is idle, in a transaction, or has a query under way. */
  function sessionsBy(by: Host): [string, HeldSession][] {
    const target = cluster.target(by);
    return [
      [`${by.name}, idle`, { target, first: ["SELECT 1"] }],
      [`${by.name}, in a transaction`, { target, first: ["BEGIN", "SELECT 1"] }],
      [`${by.name}, with a query`, { target, first: [], then: "SELECT pg_sleep(60)" }],
    ];
  }

  test(
    "a tunnel needs nothing but the API's port, and goes on when its host is lost",
    { timeout: 60_000 },
    async () => {
      const password = "a password of the tests";
      const ask = "psql -XAtc 'SELECT pg_is_in_recovery()' \"$DATABASE_URL\"";
      const names = lab.hosts.map(({ name }) => name);
      const { primary, read } = (await cluster.healthy()).endpoints;
      await lab.network.cut({ from: ["client"], to: names, ports: [primary.port, read.port] });
      const env = { ...environmentOf("operator"), PGPASSWORD: password };
      const through = (...args: readonly string[]): Promise<Ran> => fromClient(["tunnel", "shop", ...args], env);
      const direct = await tryTool(
        [...lab.client, "psql", "-XAtc", "SELECT 1", (await host.ok("uri", "shop")).trim()],
        {
          env: { PATH: "/usr/bin:/bin", PGPASSWORD: password, PGCONNECT_TIMEOUT: "2" },
        },
      );
      assert.match(direct.stderr, /timeout expired/);
      const [first, second] = [await through("--exec", ask), await through("--role", "read", "--exec", ask)];
      assert.equal(first.stdout.trim(), "f", first.stderr);
      assert.equal(second.stdout.trim(), "t", second.stderr);
      const [asked] = names;
      await lab.network.cut({ from: ["client"], to: [asked ?? ""] });
      const third = await through("--exec", ask);
      assert.equal(third.stdout.trim(), "f", third.stderr);
      refused(await as("viewer", ["tunnel", "shop", "--exec", "echo reached"]), /needs the role operator/);
      await lab.network.mend();
    },
  );

  test("revoked on one host: refused by all of them, at once", { timeout: 60_000 }, async () => {
    await host.ok("certificate", "create", "--role", "admin", "--name", "gone", "--directory", files);
    assert.equal((await as("gone", ["list"])).code, 0);
    const listed = userCertificateSchema.array().parse(await host.json("certificate", "list"));
    const id = listed.find(({ name }) => name === "gone")?.id ?? "";
    await host.ok("certificate", "revoke", id);
    for (const one of lab.hosts) {
      const url = `https://${one.address}:${hostPort.api}`;
      await until(`${one.name} to refuse`, async () =>
        (await as("gone", ["--host", url, "list"])).stderr.includes("was revoked") ? true : undefined,
      );
    }
    assert.equal((await host.matriarch(["certificate", "revoke", id])).code, 5);
  });

  test("expired, of another authority, never written down, with the wrong key, none: refused in words", async () => {
    await host.ok(
      "certificate",
      "create",
      "--role",
      "admin",
      "--name",
      "short",
      "--expires",
      "1s",
      "--directory",
      files,
    );
    await until("the certificate to expire", async () =>
      /EXPIRED|expired/.test((await as("short", ["list"])).stderr) ? true : undefined,
    );
    const authority = { cert: read(host, "ca/ca.crt"), key: read(host, "ca/ca.key") };
    const forged = await issueUserCertificate(authority, { name: "forged", role: "admin", lifeMs: hourMs }, Date.now());
    write("forged", forged);
    refused(await as("forged", ["list"], "admin.ca.crt"), /certificate is not accepted.*not made with/s);
    await ensureAuthority(join(files, "other"), Date.now());
    const other = {
      cert: readFileSync(join(files, "other", "ca.crt"), "utf8"),
      key: readFileSync(join(files, "other", "ca.key"), "utf8"),
    };
    write("stranger", await issueUserCertificate(other, { name: "admin", role: "admin", lifeMs: hourMs }, Date.now()));
    refused(await as("stranger", ["list"], "admin.ca.crt"), /not accepted|alert|unable to verify/);
    refused(await as("admin", ["list"], "other/ca.crt"), /none of the hosts answers.*(unable|self-signed|signature)/s);
    const nobody = await fromClient(["list"], {
      MATRIARCH_HOST: host.address,
      MATRIARCH_CA_FILE: join(files, "admin.ca.crt"),
    });
    refused(nobody, /does not know who you are.*HINT/s);
    assert.match(await host.ok("status", "shop"), /shop is/);
  });

  function write(name: string, { cert, key }: { readonly cert: string; readonly key: string }): void {
    writeFileSync(join(files, `${name}.crt`), cert);
    writeFileSync(join(files, `${name}.key`), key, { mode: 0o600 });
  }

  test(
    "psql with the printed URIs, while hosts go: verify-full, on to the next host",
    { timeout: 120_000 },
    async (t) => {
      const password = "a password of the tests";
      const env = { PATH: "/usr/bin:/bin", PGPASSWORD: password, PGCONNECT_TIMEOUT: "3" };
      const ask = (uri: string): Promise<Ran> =>
        tryTool([...lab.client, "psql", "-XAtc", "SELECT pg_is_in_recovery()", uri], { env });
      for (const one of lab.hosts) {
        const [single, several] = [await one.ok("uri", "shop"), await one.ok("uri", "shop", "--multi-host")];
        assert.equal((await ask(single.trim())).stdout.trim(), "f");
        assert.equal((await ask(several.trim())).stdout.trim(), "f");
        assert.equal(
          (await ask((await one.ok("uri", "shop", "--role", "read", "--multi-host")).trim())).stdout.trim(),
          "t",
        );
      }
      // The first of its hosts is the one that is lost.
      const several = (await host.ok("uri", "shop", "--multi-host")).trim();
      const sessions = await holdSessions(lab.client, Object.fromEntries(lab.others(host).flatMap(sessionsBy)));
      // Packets vanish: nothing tells the client's end of the loss, but the router that it has connected to.
      const lostAt = Date.now();
      await host.vanish();
      await cluster.until(
        "another primary",
        ({ primary, members }) => members.some((member) => member.id === primary && member.host !== host.name),
        60_000,
        lab.others(host)[0],
      );
      const movedAt = Date.now();
      const ended = await sessions.ended;
      for (const { name, at, told } of ended) {
        t.diagnostic(`${name}: cut ${at - lostAt} ms after the loss, ${at - movedAt} ms after the failover was seen`);
        assert.match(told, /because the primary has moved/, name);
        assert.ok(at - movedAt < 1000, `${name}: cut ${at - movedAt} ms after the failover was seen`);
      }
      assert.equal(ended.length, 6);
      await until("a session by the next host", async () =>
        (await ask(several)).stdout.trim() === "f" ? true : undefined,
      );
      t.diagnostic(`by the next host ${Date.now() - lostAt} ms after the loss`);
    },
  );
});

function uriIn(file: string): string {
  return /'(postgresql:[^']*)'/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
}

function read(host: Host, file: string): string {
  return readFileSync(join(host.home, file), "utf8");
}
