/** The laboratory's own faults: each must be felt, by who should feel it and nobody else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { until } from "../../faults/until.ts";
import { Network } from "./network.ts";
import { killAllIn, pidsIn, listSpaces, enter } from "./spaces.ts";
import { tryTool } from "./shell.ts";
import { whyNoLab } from "./able.ts";

const server = `require("node:net").createServer((s) => s.end("hi")).listen(Number(process.argv[1]), "0.0.0.0")`;
const client = `
  const start = performance.now();
  const s = require("node:net").connect({ host: process.argv[1], port: Number(process.argv[2]) });
  s.setTimeout(700, () => process.exit(1));
  s.on("error", () => process.exit(1)).on("data", () => { console.log(performance.now() - start); process.exit(0); });`;

describe("fault laboratory: network", { skip: whyNoLab() }, () => {
  let network: Network;
  const names = ["a", "b", "c"];

  before(async () => {
    network = await Network.make(names);
    for (const name of names) for (const port of ["7001", "7002"]) serve(name, port);
    for (const name of names)
      await until(`${name} to answer`, () => reaches("c", name).then((ms) => ms !== undefined || undefined));
  });
  after(() => network.remove());

  function serve(name: string, port: string): void {
    const command: readonly string[] = [...enter(network.space(name)), process.execPath, "-e", server, port];
    const [file = "", ...args] = command;
    spawn(file, args, { stdio: "ignore", detached: true }).unref();
  }

  /** @returns milliseconds until the answer; undefined: none */
  async function reaches(from: string, to: string, port = 7001): Promise<number | undefined> {
    const command = [...enter(network.space(from)), process.execPath, "-e", client, network.address(to), String(port)];
    const ran = await tryTool(command);
    return ran.code === 0 ? Number(ran.stdout) : undefined;
  }

  test("a cut towards some hosts leaves the others", async () => {
    await network.cut({ from: ["a"], to: ["b"] }, { from: ["b"], to: ["a"] });
    assert.equal(await reaches("a", "b"), undefined);
    assert.notEqual(await reaches("a", "c"), undefined);
    await network.mend();
    assert.notEqual(await reaches("a", "b"), undefined);
  });

  test("a cut of ports leaves the other ports", async () => {
    await network.cut({ from: ["a"], to: ["b"], ports: [7001] });
    assert.equal(await reaches("a", "b", 7001), undefined);
    assert.notEqual(await reaches("a", "b", 7002), undefined);
    await network.mend();
  });

  test("a one-way cut drops one direction: no session can be made, packets the other way arrive", async () => {
    await network.cut({ from: ["a"], to: ["b"] });
    assert.equal(await reaches("a", "b"), undefined);
    assert.equal(await reaches("b", "a"), undefined);
    assert.notEqual(await reaches("b", "c"), undefined);
    await network.mend();
  });

  test("a pulled cable, and plugged in again", async () => {
    await network.link("a", "down");
    assert.equal(await reaches("b", "a"), undefined);
    await network.link("a", "up");
    await until("a to answer again", () => reaches("b", "a").then((ms) => ms !== undefined || undefined));
  });

  test("total loss is a cut, no loss is none", async () => {
    await network.cut({ from: ["a"], to: ["b"], loss: 1 });
    assert.equal(await reaches("a", "b"), undefined);
    await network.mend();
    await network.cut({ from: ["a"], to: ["b"], loss: 0 });
    assert.notEqual(await reaches("a", "b"), undefined);
    await network.mend();
  });

  test("a slow cable delays both ways, and is quick again afterwards", async () => {
    await network.slow("a", { delayMs: 60, jitterMs: 5 });
    const slow = (await reaches("a", "b")) ?? 0;
    assert.ok(slow > 200, `${slow} ms`);
    await network.slow("a", undefined);
    await until("a to answer again", () => reaches("b", "a").then((ms) => ms !== undefined || undefined));
    const quick = (await reaches("a", "b")) ?? Infinity;
    assert.ok(quick < 200, `${quick} ms`);
  });

  test("kill -9 of all on one host", async () => {
    assert.equal(pidsIn(network.space("a")).length, 2);
    await killAllIn(network.space("a"));
    assert.equal(pidsIn(network.space("a")).length, 0);
    assert.equal(pidsIn(network.space("b")).length, 2);
  });

  test("what a crashed test left is told by its name; what lives is left alone", async () => {
    assert.ok(listSpaces().includes(network.space("a")));
    const crashed = `${process.execPath} -e "process.exit(0)"`;
    const child = spawn("sh", ["-c", crashed]);
    await once(child, "exit");
    const stale = `mf-${child.pid}-stale`;
    await tryTool(["ip", "netns", "add", stale]);
    const { sweepSpaces } = await import("./spaces.ts");
    await sweepSpaces();
    assert.equal(listSpaces().includes(stale), false);
    assert.ok(listSpaces().includes(network.space("a")));
  });
});
