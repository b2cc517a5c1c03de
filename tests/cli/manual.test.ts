/** Topics and man pages: what they say can be typed, and the tools that show man pages find nothing to complain of. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { manPages } from "../../src/cli/manual/pages.ts";
import { topicText } from "../../src/cli/manual/topic.ts";
import { topics } from "../../src/cli/manual/topics.ts";
import { createProgram } from "../../src/cli/program.ts";
import { parseLine } from "./command-lines.ts";
import { createHarness, parseOutput } from "./harness.ts";

const program = createProgram(async () => {});
const pages = manPages(program);
const scratch = mkdtempSync(join(tmpdir(), "matriarch-man-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function tool(name: string, args: readonly string[], input: string) {
  const ran = spawnSync(name, args, { input, encoding: "utf8", env: { ...process.env, LANG: "C.UTF-8" } });
  return ran.error ? undefined : { status: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

describe("topics", () => {
  for (const { name, blocks } of topics) {
    const lines = blocks.flatMap((block) => (typeof block === "object" && "lines" in block ? block.lines : []));
    test(`${name}: what it says to type is understood`, async () => {
      for (const [line] of lines) assert.equal(await parseLine(line), undefined, line);
    });
  }

  test("a command of the same name would hide one", () => {
    const commands = new Set(program.commands.map((made) => made.name()));
    assert.deepEqual(
      topics.filter(({ name }) => commands.has(name)),
      [],
    );
  });
});

describe("man pages", () => {
  test("one for each command or noun, and each verb and flag is on it", () => {
    for (const made of program.commands) {
      const page = pages.find(({ name }) => name === `matriarch-${made.name()}`);
      assert.ok(page, made.name());
      for (const inner of [made, ...made.commands]) {
        for (const { long } of inner.options) assert.ok(page.text.includes((long ?? "").replaceAll("-", "\\-")), long);
        assert.ok(page.text.includes(inner.description().replaceAll("-", "\\-").replaceAll("'", "\\(aq").slice(0, 30)));
      }
    }
  });

  for (const [name, args] of [
    ["groff", ["-man", "-ww", "-Tutf8", "-z"]],
    ["mandoc", ["-Tlint", "-Wwarning"]],
  ] as const) {
    test(`${name} has nothing to complain of`, { skip: tool(name, ["--help"], "") ? false : `no ${name}` }, () => {
      for (const page of pages) {
        const ran = tool(name, args, page.text);
        assert.deepEqual([ran?.status, ran?.stderr, ran?.stdout], [0, "", ""], page.name);
      }
    });
  }

  test("text that looks like a request, or like an escape, is text", { skip: !tool("groff", ["--help"], "") }, () => {
    const shown = tool("groff", ["-man", "-Tascii", "-P-cbou"], pageOf("connect"))?.stdout ?? "";
    assert.match(shown, /matriarch connect shop --role read -c 'select count\(\*\) from orders'/);
    assert.match(shown, /PGPASSWORD or\s+~\/\.pgpass has the password/);
  });
});

function pageOf(name: string): string {
  return pages.find((page) => page.name === `matriarch-${name}`)?.text ?? "";
}

test("on a terminal of 80 columns nothing is broken within a word", async (t) => {
  const { isTTY, columns } = process.stdout;
  t.after(() => Object.assign(process.stdout, { isTTY, columns }));
  Object.assign(process.stdout, { isTTY: true, columns: 80 });
  const tooLong = (text: string): readonly string[] => text.split("\n").filter((line) => line.length > 80);
  const written: string[] = [];
  const look = (made: CommandUnknownOpts): void => {
    made.configureOutput({ writeOut: (text) => void written.push(text) });
    made.outputHelp();
    made.commands.forEach(look);
  };
  look(createProgram(async () => {}));
  assert.ok(written.length > 100, `${written.length} commands`);
  assert.deepEqual(tooLong([...written, ...topics.map((topic) => topicText(topic, 80))].join("\n")), []);
});

test("help: a topic, a command, a verb of a noun; what is unknown is named with what there is", async () => {
  await using harness = await createHarness();
  assert.match((await harness.run(["help", "durability"])).stdout, /quorum {2}a commit waits/);
  assert.match((await harness.run(["help", "user", "rotate"])).stdout, /^Usage: matriarch user rotate/);
  assert.match((await harness.run(["help"])).stdout, /Topics: concepts, /);
  assert.match((await harness.run([])).stdout, /Topics: concepts, /);
  const ran = await harness.run(["help", "durabilty"]);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /no command or topic "durabilty"[^]*Topics are: .*durability/);
  assert.deepEqual(
    parseOutput(await harness.run(["help", "hosts", "--json"])),
    topics.find(({ name }) => name === "hosts"),
  );
});

test("man: one page, all of them in a directory, and a name that is none", async () => {
  await using harness = await createHarness();
  assert.equal((await harness.run(["man", "status"])).stdout, pageOf("status"));
  const ran = await harness.run(["man", "--install", "--directory", scratch]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, new RegExp(`man -M ${scratch} matriarch`));
  assert.equal(readFileSync(join(scratch, "man7", "matriarch-concepts.7"), "utf8"), pageOf("concepts"));
  assert.equal(readFileSync(join(scratch, "man1", "matriarch-status.1"), "utf8"), pageOf("status"));
  const unknown = await harness.run(["man", "nope"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no manual page "nope"/);
  const refused = await harness.run(["man", "--install", "--directory", "/dev/null/nope"]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /cannot be written/);
});
