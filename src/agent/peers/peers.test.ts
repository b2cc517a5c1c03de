/** Two agents that tell each other of their members, through the real codec and a wire that can be cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseLsn } from "../../domain/lsn.ts";
import type { Neighbours } from "../../drivers/neighbours/port.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Log } from "../../log/log.ts";
import { decodeMessage, encodeMessage, type MemberLook } from "./look.ts";
import { Peers } from "./peers.ts";

const running = {
  incarnation: 2,
  epoch: 7,
  hold: "no",
  reason: { code: "following", upstream: "shop-1", lagBytes: 0 },
  busy: [],
  pid: 42,
  limits: { memoryBytes: 1024, cpus: null, heldBytes: 12, problem: { why: "it is small", how: "Wait." } },
  progress: { step: "cloning", bytesDone: 1, bytesTotal: undefined },
  server: {
    kind: "running",
    role: "standby",
    since: 1.5,
    timeline: 3,
    flushed: parseLsn("1/FFFFFFFF"),
    replayed: parseLsn("0/A"),
    upstream: null,
    receiving: true,
    streaming: true,
    notStreamingSince: undefined,
    walMissing: false,
    syncNames: "",
    standbys: [{ name: "shop-2.1", state: "streaming", isSync: true, flushed: parseLsn("0/1"), replayed: undefined }],
    slots: ["shop-3"],
    flushStuckSince: undefined,
    pendingRestart: false,
    configured: 1,
  },
} as const satisfies MemberLook;

test("a look arrives as it was sent", () => {
  const message = {
    boot: "b",
    version: "1",
    full: true,
    looks: [{ cluster: "shop", member: "shop-2", look: running }],
    poke: [],
    hush: { shop: 7 },
    heads: { a: 3 },
  };
  const wire: unknown = JSON.parse(JSON.stringify(encodeMessage(message)));
  assert.deepEqual(decodeMessage(wire), message);
});

test("what cannot be a look is refused as a whole", () => {
  const good = { boot: "b", version: "1", full: true, looks: [], poke: [], heads: {} };
  const withLook = (look: object): unknown => ({
    ...good,
    looks: [{ cluster: "shop", member: "shop-2", look: { ...Object(encodeLook()), ...look } }],
  });
  assert.ok(decodeMessage(withLook({})));
  for (const bad of [
    null,
    [],
    { ...good, full: "yes" },
    { ...good, heads: { a: -1 } },
    withLook({ server: { kind: "flying" } }),
    withLook({ server: { ...Object(encodeLook().server), flushed: "x" } }),
    withLook({ reason: { code: "because" } }),
    withLook({ incarnation: "2" }),
  ])
    assert.throws(() => decodeMessage(bad), JSON.stringify(bad));
});

function encodeLook(): { server: unknown } {
  const look = { cluster: "c", member: "m", look: running };
  const message = { boot: "b", version: "1", full: true, looks: [look], poke: [], hush: {}, heads: {} };
  const wire = encodeMessage(message);
  assert.ok(typeof wire === "object" && wire !== null && "looks" in wire && Array.isArray(wire.looks));
  return wire.looks[0].look;
}

test("what one says the other knows; a look that is gone is gone; silence ends with everything told anew", async () => {
  const net = new Net();
  const a = net.join("a");
  const b = net.join("b");
  net.begin();
  const heard: string[] = [];
  b.onLook((cluster) => void heard.push(cluster), new AbortController().signal);
  a.note("shop", "shop-1", running, false);
  await a.flush(5000);
  assert.deepEqual(b.looksOf("shop").get("shop-1"), { host: "a", look: running });
  assert.ok(heard.includes("shop"));

  net.cut = true;
  a.note("shop", "shop-1", { ...running, epoch: 8 }, false);
  a.note("other", "other-1", running, false);
  await a.flush(5000);
  assert.equal(b.looksOf("shop").get("shop-1")?.look.epoch, 7);
  net.cut = false;
  await untilTrue(() => b.looksOf("shop").get("shop-1")?.look.epoch === 8 && b.looksOf("other").size === 1);

  a.forget("other", "other-1");
  await untilTrue(() => b.looksOf("other").size === 0);
  net.close();
});

test("positions alone are told with the next sign of life, and wake nobody", async () => {
  const net = new Net();
  const a = net.join("a");
  const b = net.join("b");
  net.begin();
  a.note("shop", "shop-1", running, false);
  await a.flush(5000);
  const heard: boolean[] = [];
  b.onLook((_cluster, isNews) => void heard.push(isNews), new AbortController().signal);
  const moved = { ...running, server: { ...running.server, flushed: parseLsn("2/0") } };
  const sentBefore = net.sent;
  a.note("shop", "shop-1", moved, false);
  assert.equal(net.sent, sentBefore);
  await untilTrue(() => heard.length > 0);
  assert.deepEqual(heard, [false]);
  assert.deepEqual(b.looksOf("shop").get("shop-1")?.look, moved);
  a.note("shop", "shop-1", running, true);
  assert.equal(net.sent, sentBefore + 2);
  net.close();
});

test("an agent that starts anew is told everything, and forgets what it was told before", async () => {
  const net = new Net();
  const a = net.join("a");
  net.join("b");
  net.begin();
  a.note("shop", "shop-1", running, false);
  await a.flush(5000);
  const again = net.join("b");
  net.begin();
  await untilTrue(() => again.looksOf("shop").has("shop-1"));
  net.close();
});

test("a flush does not wait for a host that does not answer", async () => {
  const net = new Net();
  const a = net.join("a");
  net.join("b");
  net.hung = true;
  net.begin();
  a.note("shop", "shop-1", running, false);
  const begun = performance.now();
  await a.flush(50);
  assert.ok(performance.now() - begun < 9000);
  net.close();
});

class Net {
  cut = false;
  hung = false;
  sent = 0;
  readonly #all = new Map<string, Peers>();
  readonly #old: Peers[] = [];

  join(self: string): Peers {
    const before = this.#all.get(self);
    if (before) this.#old.push(before);
    const peers = new Peers({
      self,
      version: "1",
      clock: { now: () => performance.now(), wallNow: () => 0 },
      log: quiet,
      neighbours: this.#neighbours(self),
      heads: () => ({}),
      heardHeads: () => undefined,
    });
    this.#all.set(self, peers);
    return peers;
  }

  begin(): void {
    const hosts = [...this.#all.keys()].map((name) => ({ name, address: name, basePort: 1 }));
    for (const peers of this.#all.values()) peers.setHosts(hosts);
  }

  close(): void {
    for (const peers of [...this.#all.values(), ...this.#old]) peers.close();
  }

  #neighbours(self: string): Neighbours {
    return {
      call: async (host, { body, signal }) => {
        if (self === "a") this.sent += 1;
        if (this.hung) return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(lost())));
        if (this.cut) throw lost();
        return JSON.parse(JSON.stringify(await this.#all.get(host.name)?.hear(self, JSON.parse(JSON.stringify(body)))));
      },
      close: () => undefined,
    };
  }
}

function lost(): OpError {
  return new OpError("host-unreachable", { message: "cut" });
}

const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };
function nothing(): void {}

async function untilTrue(reached: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!reached()) {
    assert.ok(performance.now() < deadline, "it did not come about within 30 s");
    await sleep(10);
  }
}
