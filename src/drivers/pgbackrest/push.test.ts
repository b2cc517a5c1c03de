/** The script that servers push with, run by a real shell, with programs in pgBackRest's place that do as they are told. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { RepositoryNumber } from "../../domain/backup.ts";
import { behindSince, leaveBehind, pushAgain, pushScript, refusingScript } from "./push.ts";

const [first, second, third] = ["0000000A0000000000000001", "0000000A0000000000000002", "0000000A0000000000000003"];

class Pushing {
  readonly state: string;
  readonly #root: string;

  constructor(t: TestContext, numbers: readonly RepositoryNumber[]) {
    this.#root = mkdtempSync(join(tmpdir(), "push it's-"));
    t.after(() => rmSync(this.#root, { recursive: true }));
    this.state = join(this.#root, "archive");
    mkdirSync(this.state);
    this.permit("a");
    const pushes = numbers.map((number) => {
      this.does(number, "exit 0");
      return { number, command: ["/bin/sh", this.#program(number), String(number)] };
    });
    writeFileSync(join(this.state, "offsite"), pushScript(pushes, this.state));
  }

  get dataDirectory(): string {
    return join(this.#root, "data");
  }

  permit(word: string): void {
    writeFileSync(join(this.state, "permit"), `${word}\n/archive\n`);
  }

  /** From now on, after it has noted what it was given. */
  does(number: RepositoryNumber, what: string): void {
    writeFileSync(this.#program(number), `echo "\${2##*/}" >>"${join(this.#root, `seen-${number}`)}"\n${what}\n`);
  }

  async run(name: string): Promise<number | null> {
    const words = [join(this.state, "offsite"), join("/pg_wal", name), name];
    const child = spawn("/bin/sh", words, { stdio: "ignore" });
    await once(child, "exit");
    return child.exitCode;
  }

  seen(number: RepositoryNumber): readonly string[] {
    return readFileSync(join(this.#root, `seen-${number}`), "utf8")
      .trim()
      .split("\n");
  }

  /** Until both have been asked. */
  async asked(): Promise<void> {
    const isAsked = (): boolean => {
      try {
        return this.seen(1).length + this.seen(2).length >= 2;
      } catch {
        return false;
      }
    };
    const watcher = watch(this.#root);
    try {
      const signal = AbortSignal.timeout(30_000);
      while (!isAsked()) await once(watcher, "change", { signal });
    } finally {
      watcher.close();
    }
  }

  behind(number: RepositoryNumber): Promise<string | undefined> {
    return behindSince(this.dataDirectory, number);
  }

  #program(number: RepositoryNumber): string {
    return join(this.#root, `push-${number}`);
  }
}

test("one repository: its answer is the script's", async (t) => {
  const pushing = new Pushing(t, [1]);
  assert.equal(await pushing.run(first), 0);
  pushing.does(1, "exit 32");
  assert.equal(await pushing.run(second), 32);
  assert.equal(await pushing.behind(1), undefined);
});

test("two: one that is away is left behind, asked no more, and given all again when it is told to", async (t) => {
  const pushing = new Pushing(t, [1, 2]);
  assert.equal(await pushing.run(first), 0);
  assert.deepEqual([await pushing.behind(1), await pushing.behind(2)], [undefined, undefined]);
  pushing.does(2, "exit 103");
  assert.equal(await pushing.run(second), 0);
  assert.deepEqual([await pushing.behind(1), await pushing.behind(2)], [undefined, second]);
  assert.equal(await pushing.run(third), 0);
  assert.equal(await pushing.behind(2), second, "since the first that it lacks");
  assert.deepEqual(
    [pushing.seen(1), pushing.seen(2)],
    [
      [first, second, third],
      [first, second],
    ],
  );
  await pushAgain(pushing.dataDirectory, 2);
  pushing.does(2, "exit 0");
  assert.equal(await pushing.run(third), 0);
  assert.deepEqual([pushing.seen(2).at(-1), await pushing.behind(2)], [third, undefined]);
});

test("two, of which none takes it: the server keeps its log", async (t) => {
  const pushing = new Pushing(t, [1, 2]);
  pushing.does(1, "exit 103");
  pushing.does(2, "exit 103");
  assert.equal(await pushing.run(first), 103);
  assert.deepEqual([await pushing.behind(1), await pushing.behind(2)], [undefined, undefined]);
  pushing.does(1, "exit 0");
  assert.equal(await pushing.run(first), 0);
  assert.equal(await pushing.behind(2), first);
  pushing.does(1, "exit 103");
  assert.equal(await pushing.run(second), 103, "the other one would not have it either");
  assert.equal(await pushing.behind(1), undefined);
});

test("two: a member that is halted meanwhile pushes no more, and nothing is left behind for that", async (t) => {
  const pushing = new Pushing(t, [1, 2]);
  pushing.does(2, "exec sleep 600");
  const running = pushing.run(first);
  await pushing.asked();
  pushing.permit("halt");
  assert.notEqual(await running, 0);
  assert.equal(await pushing.behind(2), undefined);
});

test("left behind by the agent, one alone and two: asked no more, and the log goes on", async (t) => {
  for (const numbers of [[1], [1, 2]] as const) {
    const pushing = new Pushing(t, numbers);
    for (const number of numbers) pushing.does(number, "exit 103");
    assert.equal(await pushing.run(first), 103);
    const left = (since: string) => leaveBehind(pushing.dataDirectory, { numbers, since }, undefined);
    assert.deepEqual(await left(first), numbers);
    assert.equal(await pushing.run(first), 0);
    assert.deepEqual(await left(second), [], "they are already");
    for (const number of numbers) {
      assert.equal(await pushing.behind(number), first);
      assert.deepEqual(pushing.seen(number), [first]);
      await pushAgain(pushing.dataDirectory, number);
      pushing.does(number, "exit 0");
    }
    assert.equal(await pushing.run(second), 0);
    assert.deepEqual(pushing.seen(1), [first, second]);
  }
});

test("a member that lacks what it takes to push: its log is kept, until it is left behind", async (t) => {
  const pushing = new Pushing(t, [1]);
  writeFileSync(join(pushing.state, "offsite"), refusingScript("it's not there", [1], pushing.state));
  assert.equal(await pushing.run(first), 1);
  await leaveBehind(pushing.dataDirectory, { numbers: [1], since: first }, undefined);
  assert.equal(await pushing.run(first), 0);
});
