/** The commands as declared: every one has examples that parse, and the page of the docs says the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { cliPage, leavesOf } from "../../scripts/cli-page.ts";
import { examplesOf } from "../../src/cli/command.ts";
import { createProgram } from "../../src/cli/program.ts";
import { parseLine } from "./command-lines.ts";

const root = resolve(import.meta.dirname, "../..");

function leaves() {
  return createProgram(async () => {}).commands.flatMap((made) => leavesOf(made, "matriarch"));
}

const wanted = [
  "create",
  "fork",
  "restore",
  "list",
  "status",
  "explain",
  "check",
  "metrics",
  "events",
  "logs",
  "destroy",
  "uri",
  "connect",
  "tunnel",
  "attach",
  "detach",
  "switchover",
  "failover",
  "restart",
  "upgrade",
  "stop",
  "start",
  "pause",
  "resume",
  "scale",
  "autostop",
  "reads",
  "member list",
  "member add",
  "member remove",
  "member reclone",
  "config show",
  "config set",
  "config unset",
  "pool show",
  "pool set",
  "database list",
  "database create",
  "database drop",
  "user list",
  "user create",
  "user grant",
  "user drop",
  "user rotate",
  "volume list",
  "volume extend",
  "snapshot list",
  "snapshot create",
  "snapshot delete",
  "snapshot set",
  "restore-point list",
  "restore-point create",
  "backup enable",
  "backup show",
  "backup list",
  "backup create",
  "backup verify",
  "backup set",
  "backup lock",
  "backup unlock",
  "backup key",
  "backup disable",
  "backup connect",
  "extension list",
  "extension enable",
  "extension disable",
  "extension update",
  "import start",
  "import status",
  "import cutover",
  "import abandon",
  "host init",
  "host join",
  "host token",
  "host list",
  "host label",
  "host drain",
  "host undrain",
  "host remove",
  "host rebuild-store",
  "host settings",
  "agent run",
  "agent start",
  "agent stop",
  "agent status",
  "context add",
  "context list",
  "context use",
  "context remove",
  "token create",
  "token list",
  "token revoke",
  "drain add",
  "drain list",
  "drain remove",
  "drain test",
  "certificate create",
  "certificate list",
  "certificate revoke",
  "audit",
  "completion",
  "man",
  "help",
  "version",
];

test("commands: those of the design, and no others", () => {
  assert.deepEqual(
    leaves().map(({ path }) => path.replace("matriarch ", "")),
    wanted,
  );
});

for (const { command: declared, path } of leaves()) {
  test(`help: ${path} has a purpose in one line and two examples that parse`, async () => {
    assert.match(declared.description(), /^[A-Z].*\.$/);
    const examples = examplesOf(declared);
    assert.ok(examples.length >= 2, `${examples.length} examples`);
    for (const { line } of examples) {
      assert.equal(await parseLine(line), undefined, line);
      assert.ok(line.includes(path), `${line} is an example of another command`);
    }
  });
}

test("docs/cli.md is what the commands say (else run: node scripts/cli-page.ts)", () => {
  assert.equal(readFileSync(join(root, "docs", "cli.md"), "utf8"), cliPage());
});
