import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { journalRequestSchema } from "../contract/peer.ts";
import type { HostAddress } from "../domain/host.ts";
import type { NeighbourCall } from "../drivers/neighbours/port.ts";
import { type EventFile, openEventFile } from "../events/event-file.ts";
import type { Log } from "../log/log.ts";
import { JournalSync } from "./journal-sync.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-journal-sync-"));
after(() => rmSync(directory, { recursive: true }));

/** A host with a real event file that answers over real HTTP, and can be lost, cut off, or have its file lost. */
class Host {
  readonly name: string;
  file: EventFile;
  sync: JournalSync;
  asked = 0;
  warned = 0;
  /** what becomes of a request that reaches it */
  fault: "none" | "dropped" | "silent" = "none";
  readonly #world: Map<string, Host>;
  readonly #server: Server;
  readonly #now: () => number;
  #path: string;

  constructor(name: string, world: Map<string, Host>, now: () => number) {
    this.name = name;
    this.#world = world;
    this.#now = now;
    this.#path = join(directory, `${name}-${performance.now()}.sqlite`);
    this.file = openEventFile(this.#path, { host: name, now });
    this.sync = this.#makeSync();
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.asked += 1;
        if (this.fault === "dropped") return request.destroy();
        if (this.fault === "silent") return undefined;
        const { origin, after: from, limit } = journalRequestSchema.parse(JSON.parse(body));
        return response.end(JSON.stringify(this.file.journal.read(origin ?? this.name, from, limit)));
      });
    });
    world.set(name, this);
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get address(): HostAddress {
    // `listen` has returned: the server has a port.
    const { port } = this.#server.address() as AddressInfo;
    return { name: this.name, address: "127.0.0.1", basePort: port };
  }

  /** A sign of life, as the exchange of looks carries it. */
  hear(other: Host): void {
    this.sync.heard(other.address, structuredClone(other.file.journal.heads()));
  }

  /** The agent ends and another one begins, on the same file or on none. */
  restart(options: { readonly withoutFile?: boolean } = {}): void {
    this.sync.close();
    this.file.close();
    if (options.withoutFile) this.#path += ".new";
    this.file = openEventFile(this.#path, { host: this.name, now: this.#now });
    this.sync = this.#makeSync();
  }

  end(): void {
    this.sync.close();
    this.file.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #makeSync(): JournalSync {
    const warn = (): void => void (this.warned += 1);
    const log = { warn, info: () => undefined, error: () => undefined, debug: () => undefined } as unknown as Log;
    const call = (host: HostAddress, asked: NeighbourCall): Promise<unknown> => this.#call(host, asked);
    return new JournalSync({ journal: this.file.journal, neighbours: { call }, clock: performance, log });
  }

  async #call(host: HostAddress, { method, path, body, signal }: NeighbourCall): Promise<unknown> {
    const within = AbortSignal.timeout(500);
    const answer = await fetch(`http://${host.address}:${host.basePort}${path}`, {
      method,
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, within]) : within,
    });
    return answer.json();
  }

  others(): readonly Host[] {
    return [...this.#world.values()].filter((host) => host !== this);
  }
}

async function hosts(
  t: { after(end: () => void): void },
  names: readonly string[],
  now: () => number = Date.now,
): Promise<Host[]> {
  const world = new Map<string, Host>();
  const all = await Promise.all(names.map((name) => new Host(name, world, now).listen()));
  t.after(() => all.forEach((host) => host.end()));
  return all;
}

async function until(what: string, isSo: () => boolean, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `waited for ${what}`);
    await sleep(5);
  }
}

function stopped(host: Host, member: string): void {
  host.file.events.emit("server.stopped", { cluster: "shop", member });
}

function members(host: Host): readonly (string | null)[] {
  return host.file.events.list({ limit: 1000 }).map(({ member }) => member);
}

/** Everybody hears everybody, once. */
function round(all: readonly Host[]): void {
  for (const host of all) for (const other of all) if (host !== other) host.hear(other);
}

describe("journal of several hosts", () => {
  test("each host comes to have all events and operations of the others, and then asks no more (3 hosts)", async (t) => {
    const all = (await hosts(t, ["a", "b", "c"])) as [Host, Host, Host];
    for (const host of all) for (const n of [1, 2, 3]) stopped(host, `${host.name}-${n}`);
    const operations = all.map(({ file }) => file.operations.begin({ kind: "scale", cluster: "shop", by: "ada" }).id);
    // Signs of life come again and again; one question may go without an answer on a busy machine.
    await until("all to have all", () => {
      round(all);
      return all.every((host) => members(host).length === 9);
    });
    for (const host of all) for (const id of operations) assert.equal(host.file.operations.get(id).state, "running");
    for (const host of all) assert.equal(new Set(members(host)).size, 9);
    const asked = all.map((host) => host.asked);
    for (let n = 0; n < 20; n += 1) round(all);
    stopped(all[0], "a-4");
    all[1].hear(all[0]);
    await until("one more", () => members(all[1]).length === 10);
    assert.deepEqual(
      all.map((host) => host.asked),
      [(asked[0] ?? 0) + 1, asked[1], asked[2]],
    );
  });

  test("a host is lost: what it told one survivor reaches the other", async (t) => {
    const [a, b, c] = (await hosts(t, ["a", "b", "c"])) as [Host, Host, Host];
    stopped(a, "a-1");
    b.hear(a);
    await until("b to have it", () => members(b).length === 1);
    a.fault = "dropped";
    c.hear(b);
    await until("c to have it", () => members(c).length === 1);
    assert.deepEqual(c.file.events.list({ limit: 1 })[0]?.host, "a");
    assert.equal(c.file.journal.headOf("a"), b.file.journal.headOf("a"));
  });

  test("a host that does not answer is not asked at every look; another one that has the rows is asked at once", async (t) => {
    const [a, b, c] = (await hosts(t, ["a", "b", "c"])) as [Host, Host, Host];
    stopped(a, "a-1");
    b.hear(a);
    await until("b to have it", () => members(b).length === 1);
    a.fault = "silent";
    c.hear(a);
    c.hear(b);
    await until("c to have it, from b", () => members(c).length === 1);
    assert.deepEqual([a.asked, c.warned], [2, 1]);
    stopped(a, "a-2");
    for (let n = 0; n < 50; n += 1) c.hear(a);
    assert.equal(a.asked, 2);
    a.fault = "none";
    await until("c to have asked again", () => {
      c.hear(a);
      return members(c).length === 2;
    });
    assert.equal(a.asked, 3);
  });

  test("agents start anew: they go on where they were; one whose file was lost gets everything back, its own too", async (t) => {
    const all = (await hosts(t, ["a", "b", "c"])) as [Host, Host, Host];
    const [a, b, c] = all;
    for (const host of all) stopped(host, `${host.name}-1`);
    round(all);
    await until("all to have all", () => all.every((host) => members(host).length === 3));
    b.restart();
    a.restart({ withoutFile: true });
    stopped(a, "a-2");
    for (const host of [b, c]) host.hear(a);
    round(all);
    await until("all to have all again", () => all.every((host) => members(host).length === 4));
    for (const host of all) assert.deepEqual(new Set(members(host)), new Set(["a-1", "a-2", "b-1", "c-1"]));
  });

  test("a file was lost and the clock is behind: what is written then is not taken for what is known already", async (t) => {
    let now = 2_000_000;
    const [a, b] = (await hosts(t, ["a", "b"], () => now)) as [Host, Host];
    stopped(a, "a-1");
    b.hear(a);
    await until("b to have it", () => members(b).length === 1);
    now = 1_000_000;
    a.restart({ withoutFile: true });
    a.hear(b);
    stopped(a, "a-2");
    b.hear(a);
    await until("b to have both", () => members(b).length === 2);
  });

  test("a host that was away for 10,000 events catches up in pages, in seconds", async (t) => {
    const [a, b] = (await hosts(t, ["a", "b"])) as [Host, Host];
    for (let n = 0; n < 10_000; n += 1) stopped(a, `a-${n}`);
    const startedAt = performance.now();
    b.hear(a);
    await until("b to have all", () => b.file.journal.headOf("a") === a.file.journal.headOf("a"), 30_000);
    const tookMs = Math.round(performance.now() - startedAt);
    t.diagnostic(`10,000 events in ${tookMs} ms, ${a.asked} pages`);
    assert.deepEqual([a.asked, members(b).at(-1)], [20, "a-9999"]);
  });

  test("this host's file cannot be written: nothing is lost, and it is tried again", async (t) => {
    const [a, b] = (await hosts(t, ["a", "b"])) as [Host, Host];
    stopped(a, "a-1");
    b.file.close();
    b.hear(a);
    await until("the failure to be told", () => b.warned === 1);
    b.restart();
    b.hear(a);
    await until("b to have it", () => members(b).length === 1);
  });
});
