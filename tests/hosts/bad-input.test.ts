/**
 * What must be refused when hosts are made and joined, and when an agent starts on what is damaged: on real processes,
 * each with words that say what to do, and with home and store as they were, byte for byte.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { version } from "../../src/config/version.ts";
import { joinTokenSchema } from "../../src/contract/host.ts";
import { checkHostCertificate, makeHostRequest, signHost } from "../../src/drivers/certificates/host.ts";
import { formatToken, parseToken, type TokenText } from "../../src/installation/hosts/token.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import type { Ran } from "./lab/shell.ts";

const dayMs = 24 * 3_600_000;

describe("bad input, over hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let first: Host;
  let second: Host;
  let fresh: Host;

  before(
    async () => {
      lab = await Lab.make({ hosts: 2, spare: 2 });
      [first, second, fresh] = [lab.host("a"), lab.host("b"), lab.host("c")];
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  const place = (host: Host): readonly string[] => ["--address", host.address, "--zone", host.name, "--no-service"];

  async function token(...flags: readonly string[]): Promise<string> {
    return joinTokenSchema.parse(await first.json("host", "token", ...flags)).token;
  }

  async function changed(change: (text: TokenText) => Partial<TokenText>): Promise<string> {
    const text = parseToken(await token());
    return formatToken({ ...text, ...change(text) });
  }

  /** Everything below the store's prefix but the tokens, which the tests make themselves. */
  async function storeNow(): Promise<string> {
    const tls = ["--cacert=ca/ca.crt", "--cert=host/host.crt", "--key=host/host.key"].map((flag) =>
      flag.replace("=", `=${first.home}/`),
    );
    const command = ["etcdctl", ...tls, `--endpoints=https://${first.address}:7403`, "get", "--prefix", "/"];
    const ran = await first.run(command, { env: { PATH: "/usr/bin:/bin", ETCDCTL_API: "3" } });
    assert.equal(ran.code, 0, ran.stderr);
    const pairs = ran.stdout.split(/\n(?=\/)/).filter((pair) => !/^\/\w+\/join-token\//.test(pair));
    assert.ok(pairs.length >= 3, ran.stdout);
    return hashOf(pairs.join("\n"));
  }

  async function refusedAsItWas(home: string, work: () => Promise<Ran>, code: number, says: RegExp): Promise<void> {
    const [store, files] = [await storeNow(), filesOf(home)];
    const ran = await work();
    const told = `${ran.code}\n${ran.stdout}\n${ran.stderr}`;
    assert.equal(ran.code, code, told);
    assert.match(ran.stderr, says, told);
    assert.match(ran.stderr, /HINT:/, told);
    assert.doesNotMatch(told, /\n +at |did not expect/);
    assert.equal(await storeNow(), store, "the store has changed");
    assert.deepEqual(filesOf(home), files, "the home has changed");
  }

  test(
    "tokens, names, versions, addresses that are not good: the join changes nothing",
    { timeout: 180_000 },
    async () => {
      const joins = (text: string, name = "c", flags = place(fresh)) =>
        fresh.matriarch(["host", "join", text, "--name", name, ...flags]);
      const refused = (work: () => Promise<Ran>, says: RegExp): Promise<void> =>
        refusedAsItWas(fresh.home, work, 3, says);
      const good = await token();
      // Its key stays for the next attempt, as the same host: made before, so that nothing else may change.
      await makeHostRequest(fresh.home, "c");
      await refused(() => joins(`${good.slice(0, -8)}AAAAAAAA`), /not a token for joining, or not a whole one/);
      const wrong = await changed(() => ({ secret: "x".repeat(32) }));
      await refused(() => joins(wrong), /token is not known/);
      const expired = await token("--expires", "1s");
      await until("the token to expire", () => (Date.now() > parseToken(expired).expiresAt + 100 ? true : undefined));
      await refused(() => joins(expired), /token has expired/);
      const otherCa = await changed(() => ({ caFingerprint: "0".repeat(64) }));
      await refused(() => joins(otherCa), /another installation than the token/);
      await refused(() => joins(good, "a"), /there is a host "a" already/);
      await lab.network.cut({ from: ["b"], to: ["c"], ports: [7401] });
      await refused(() => joins(good), /cannot be reached at[^]*Host "b" to \S+:7401/);
      await lab.network.mend();
      const others = new Host(lab.network, "c", fresh.directory, {
        dist: otherVersion(lab, fresh),
        fakeClock: undefined,
        env: {},
      });
      await refused(
        () => others.matriarch(["host", "join", good, "--name", "c", ...place(fresh)]),
        /different versions/,
      );
    },
  );

  test(
    "a host whose join was cut short does not begin as a machine of its own, and goes on",
    { timeout: 120_000 },
    async () => {
      await refusedAsItWas(fresh.home, () => fresh.matriarch(["list"]), 1, /begun to join[^]*host join/);
      await lab.join(fresh);
      assert.match(await first.ok("host", "list"), /\bc\b/);
    },
  );

  test("a store that holds another installation's data", { timeout: 60_000 }, async () => {
    const stranger = lab.host("d");
    const files = { ca: "ca/ca.crt", cert: "host/host.crt", key: "host/host.key" };
    const flags = Object.entries(files).flatMap(([flag, file]) => [`--store-${flag}`, join(first.home, file)]);
    const init = [
      "host",
      "init",
      "--name",
      "d",
      ...place(stranger),
      "--store",
      `https://${first.address}:7403`,
      ...flags,
    ];
    await refusedAsItWas(stranger.home, () => stranger.matriarch(init), 3, /another installation/);
    assert.ok(!existsSync(join(stranger.home, "host.json")));
  });

  test("damaged files: the agent does not start, and says which", { timeout: 180_000 }, async () => {
    await off(second);
    const damaged: readonly (readonly [file: string, says: RegExp])[] = [
      ["host.json", /host\.json" cannot be read/],
      ["agent.json", /agent\.json" is not a JSON object/],
      ["ca/ca.crt", /ca\.crt" is missing or damaged/],
      ["host/host.crt", /host\.crt" is missing or damaged/],
      ["host/host.key", /host\.key" is missing or damaged/],
    ];
    for (const [file, says] of damaged) {
      const path = join(second.home, file);
      const before = existsSync(path) ? readFileSync(path) : undefined;
      writeFileSync(path, "torn");
      await refusedAsItWas(second.home, () => second.matriarch(["agent", "start"]), 1, says);
      if (before === undefined) rmSync(path);
      else writeFileSync(path, before);
    }
  });

  test(
    "a certificate that has expired: refused, or signed anew where the authority's key is",
    { timeout: 120_000 },
    async () => {
      const [path, keyPath] = [join(second.home, "host", "host.crt"), join(second.home, "ca", "ca.key")];
      const key = readFileSync(keyPath, "utf8");
      const authority = { cert: readFileSync(join(first.home, "ca", "ca.crt"), "utf8"), key };
      const request = await makeHostRequest(second.home, "b");
      const long = Date.now() - 91 * dayMs;
      writeFileSync(path, await signHost(authority, { request, name: "b", address: second.address }, long));
      rmSync(keyPath);
      await refusedAsItWas(second.home, () => second.matriarch(["agent", "start"]), 1, /has expired/);
      writeFileSync(keyPath, key, { mode: 0o600 });
      // What is only remembered may be damaged: it is read anew.
      writeFileSync(join(second.home, "remembered.json"), "torn");
      second.boot();
      await until("the agent to be back", async () => ((await second.api("/v1/agent")) ? true : undefined));
      assert.ok((await checkHostCertificate(second.home, Date.now())).notAfter > Date.now());
      await until("the others to hear it", async () =>
        /b .*active/.test(await first.ok("host", "list")) ? true : undefined,
      );
    },
  );
});

/** Everything of a host ends, and stays so. */
async function off(host: Host): Promise<void> {
  await host.kill();
}

/** Logs, sockets and what running processes write are left out. */
function filesOf(home: string): Readonly<Record<string, string>> {
  if (!existsSync(home)) return {};
  const paths = readdirSync(home, { recursive: true, encoding: "utf8" }).filter(
    (path) =>
      !/\.log$|\.sock|sqlite|^etcd\/|\.pid$|^run\b|agent\.starting/.test(path) && statSync(join(home, path)).isFile(),
  );
  return Object.fromEntries(paths.sort().map((path) => [path, hashOf(readFileSync(join(home, path)))]));
}

function hashOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The same programs, which call themselves another version. */
function otherVersion(lab: Lab, host: Host): string {
  const dist = join(host.directory, "other-dist");
  cpSync(lab.dist, dist, { recursive: true });
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".mjs"))) {
    const path = join(dist, file);
    writeFileSync(
      path,
      readFileSync(path, "utf8").replaceAll(`\`${version}\``, "`99.0.0`").replaceAll(`"${version}"`, '"99.0.0"'),
    );
  }
  return dist;
}
