/** The launcher in a checkout of its own, with stand-ins for npm and Node that record what they are asked. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, test } from "node:test";

const launcher = fileURLToPath(new URL("../../matriarch", import.meta.url));
let root: string;
let tools: string;

/** A Node that answers its version, "builds", and says what it was run with. */
const node = (version: string) => `#!/bin/sh
case $1 in
  --version) echo v${version} ;;
  */build.ts) echo build >>"$ROOT/calls"; sleep "\${BUILD_SECONDS:-0}"; mkdir -p "$ROOT/dist"; touch "$ROOT/dist/cli.mjs" "$ROOT/dist/.stamp" ;;
  --) shift 2; echo "ran ${version}: $*" ;;
esac
`;
/** An npm that puts in place what the launcher looks for. */
const npm = (version: string) => `#!/bin/sh
[ "$1" != config ] || { echo /etc/npmrc-of-the-machine; exit; }
echo "npm $* in \${PWD##*/}" >>"$ROOT/calls"
echo "\${npm_config_globalconfig:-its own}" >>"$ROOT/npm-settings"
[ -z "\${NPM_FAILS:-}" ] || { echo "npm error network cannot reach the registry"; exit 1; }
mkdir -p node_modules/.bin node_modules/rolldown
cat >node_modules/.bin/node <<'END'
${node(version)}END
chmod +x node_modules/.bin/node
touch node_modules/.package-lock.json
`;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "matriarch-launcher-"));
  tools = join(root, "tools");
  for (const directory of ["src", "scripts", "runtime", "tools"]) await mkdir(join(root, directory));
  await copyFile(launcher, join(root, "matriarch"));
  const old = new Date(Date.now() - 60_000);
  for (const file of ["src/a.ts", "scripts/build.ts", "package-lock.json"]) {
    await writeFile(join(root, file), "");
    await utimes(join(root, file), old, old);
  }
  await writeFile(join(tools, "npm"), npm("24.1.0"), { mode: 0o755 });
  await writeFile(join(root, "calls"), "");
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function launch(path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(path, args, { cwd: tmpdir(), env: { PATH: `${tools}:/usr/bin:/bin`, ROOT: root, ...env } });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { stdout, stderr, code };
}
const calls = async () => (await readFile(join(root, "calls"), "utf8")).trim().split("\n");
const installNode = (version: string) => writeFile(join(tools, "node"), node(version), { mode: 0o755 });

test("launcher: an old Node: brings one, installs, builds, then runs; the second time it only runs", async () => {
  await installNode("20.20.2");
  await symlink(join(root, "matriarch"), join(tools, "m"));
  const first = await launch(join(tools, "m"), ["status", "a b"]);
  assert.deepEqual([first.code, first.stdout], [0, "ran 24.1.0: status a b\n"]);
  assert.match(first.stderr, /^matriarch: bringing Node 24.*\nmatriarch: installing.*\nmatriarch: building\n$/);
  const done = await calls();
  assert.deepEqual(
    done.map((call) => call.replace(/ --.*/, "")),
    ["npm ci", "npm ci", "build"],
  );
  assert.match(done[1] ?? "", /--ignore-scripts .*--omit=dev/);
  // Under our Node npm would look for the machine's settings in the wrong place.
  const settings = await readFile(join(root, "npm-settings"), "utf8");
  assert.equal(settings, "its own\n/etc/npmrc-of-the-machine\n");
  const second = await launch(join(root, "matriarch"), ["list"]);
  assert.deepEqual([second.stdout, second.stderr], ["ran 24.1.0: list\n", ""]);
  assert.equal((await calls()).length, 3);
});

test("launcher: a Node that is new enough is used as it is; a changed source is built", async () => {
  await installNode("26.0.0");
  assert.equal((await launch(join(root, "matriarch"), ["x"])).stdout, "ran 26.0.0: x\n");
  await writeFile(join(root, "src", "b.ts"), "");
  const later = new Date(Date.now() + 5000);
  await utimes(join(root, "src", "b.ts"), later, later);
  assert.equal((await launch(join(root, "matriarch"))).stderr, "matriarch: building\n");
  assert.deepEqual((await calls()).filter((call) => call !== "build").length, 1);
});

test("launcher: two at once set up once", async () => {
  await installNode("24.0.0");
  const both = await Promise.all([1, 2].map(() => launch(join(root, "matriarch"), ["x"], { BUILD_SECONDS: "0.5" })));
  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  );
  assert.equal((await calls()).filter((call) => call === "build").length, 1);
});

test("launcher: the lock of one that was killed does not block", async () => {
  await installNode("24.0.0");
  await mkdir(join(root, ".cache", "launcher.lock"), { recursive: true });
  await writeFile(join(root, ".cache", "launcher.lock", "pid"), "99999999");
  assert.equal((await launch(join(root, "matriarch"), ["x"])).code, 0);
});

test("launcher: npm missing or failing: what to do, and the next try begins again", async () => {
  await installNode("20.0.0");
  const failed = await launch(join(root, "matriarch"), [], { NPM_FAILS: "yes" });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /ERROR: {2}npm could not install[^]*cannot reach the registry[^]*HINT: {2}Check/);
  await rm(join(tools, "npm"));
  const missing = await launch(join(root, "matriarch"), [], { PATH: `${tools}:${join(root, "bin")}` });
  assert.notEqual(missing.code, 0);
  await writeFile(join(tools, "npm"), npm("24.1.0"), { mode: 0o755 });
  assert.equal((await launch(join(root, "matriarch"))).code, 0);
});
