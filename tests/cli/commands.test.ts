/** Every command as a process of its own, against a small installation behind the real API over a real socket. */
import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";

import { attachedSchema, databaseSchema, userSchema } from "../../src/contract/accounts.ts";
import {
  backupSchema,
  backupsSchema,
  enabledSchema,
  keysSchema,
  repositoryStatusSchema,
} from "../../src/contract/backups.ts";
import { proofsSchema } from "../../src/contract/proof.ts";
import { attachmentSchema } from "../../src/contract/attachment.ts";
import {
  extendedSchema,
  inPlacePlanSchema,
  restorePointSchema,
  restoreWindowsSchema,
  snapshotPolicySchema,
  snapshotSchema,
  snapshotsSchema,
  volumesSchema,
} from "../../src/contract/storage.ts";
import {
  agentStatusSchema,
  candidateSchema,
  clusterStatusSchema,
  connectionSchema,
  eventSchema,
  explainSchema,
  memberStatusSchema,
  operationSchema,
} from "../../src/contract/cluster.ts";
import { checkReportSchema, clusterMetricsSchema } from "../../src/contract/monitoring.ts";
import { extensionListSchema, extensionPlanSchema } from "../../src/contract/extensions.ts";
import { downtimeSchema } from "../../src/contract/downtime.ts";
import { readLagSchema, readsStatusSchema } from "../../src/contract/reads.ts";
import { drainChangedSchema, drainSchema } from "../../src/contract/drains.ts";
import { logLineSchema } from "../../src/contract/logs.ts";
import { upgradePlanSchema, versionReportSchema } from "../../src/contract/upgrade.ts";
import { errorBodySchema } from "../../src/contract/error.ts";
import { statusOf } from "./memory-installation.ts";
import { cliEntry, createHarness, parseOutput, type Harness } from "./harness.ts";
import { z } from "zod";

let harness: Harness;

before(async () => {
  harness = await createHarness();
  harness.installation.emit({
    type: "failover.done",
    member: "shop-2",
    message: '"shop-2" is primary',
    duration_ms: 412,
  });
  const attached = await harness.run(["attach", "shop", "--app", "gone", "--json"]);
  assert.equal(attached.code, 0, attached.stderr);
});
after(() => harness[Symbol.asyncDispose]());

const readsShape = z.object({
  cluster: z.string(),
  reads: readsStatusSchema,
  members: z.array(z.object({ member: z.string(), region: z.string(), read: readLagSchema.nullable() })),
});

const shapes: readonly (readonly [line: string, schema: z.ZodType])[] = [
  ["list", z.array(clusterStatusSchema)],
  ["status shop", clusterStatusSchema],
  ["explain shop", explainSchema],
  ["events shop", z.array(eventSchema)],
  ["uri shop --role read --user app --database app", connectionSchema],
  ["uri shop --role read --max-lag 5s", connectionSchema],
  ["member add shop --upstream shop-2", operationSchema],
  ["reads shop", readsShape],
  ["reads shop --max-lag 10s --max-lag-bytes 16MB --fallback refuse", readsShape],
  ["switchover shop --dry-run", z.array(candidateSchema)],
  ["failover shop --dry-run", z.array(candidateSchema)],
  ["switchover shop --to shop-2", operationSchema],
  ["failover shop --yes", operationSchema],
  ["restart shop --member shop-2", operationSchema],
  ["restart shop --pending --in-place", operationSchema],
  ["upgrade shop --to 18.4 --force", operationSchema],
  ["upgrade shop --dry-run", upgradePlanSchema],
  ["version shop --check", versionReportSchema],
  ["events shop --downtime --since 30d", downtimeSchema],
  ["stop shop", operationSchema],
  ["start shop", operationSchema],
  ["pause shop --for 15m", clusterStatusSchema],
  ["resume shop", clusterStatusSchema],
  ["scale shop --members 5", operationSchema],
  ["member list shop", z.array(memberStatusSchema)],
  ["member add shop", operationSchema],
  ["member remove shop shop-3 --yes", operationSchema],
  ["member remove shop shop-3 --dry-run", z.object({ would_delete: z.array(z.string()) })],
  ["member reclone shop shop-3", operationSchema],
  ["user rotate shop", connectionSchema],
  ["user rotate shop ada --grace 1h", connectionSchema],
  ["attach shop --app web", attachedSchema],
  // Made before: two lines run at a time, and one must not need the other.
  ["detach shop --app gone --yes", z.object({ detached: attachmentSchema, env_file: z.null() })],
  ["database list shop", z.array(databaseSchema)],
  ["database create shop orders --owner ada", databaseSchema],
  ["database drop shop orders --dry-run", z.object({ would_drop: databaseSchema })],
  ["database drop shop orders --yes", z.object({ dropped: z.literal("orders") })],
  ["user list shop", z.array(userSchema)],
  ["user create shop bob --database orders --role reader", connectionSchema],
  ["user grant shop ada --database orders --role writer", userSchema],
  ["user drop shop ada --dry-run", z.object({ would_drop: userSchema })],
  ["user drop shop ada --yes", z.object({ dropped: z.literal("ada") })],
  ["volume list shop", volumesSchema],
  ["check shop --member shop-2", checkReportSchema],
  ["check shop --group role", checkReportSchema],
  ["metrics shop", clusterMetricsSchema],
  ["fork shop copy --expires 7d --detach", z.object({ operation: operationSchema, uri: z.string() })],
  ["fork shop copy --at 1h --detach", z.object({ operation: operationSchema, uri: z.string() })],
  ["restore shop copy --name before-migration --detach", z.object({ operation: operationSchema, uri: z.string() })],
  [
    "restore shop --in-place --at 1h --dry-run",
    inPlacePlanSchema.extend({ would_put_back: z.string(), to: z.object({ at: z.string() }) }),
  ],
  ["restore shop --undo --yes", operationSchema],
  [
    "create copy --from-snapshot shop-20261121T225301Z-3f0a --detach",
    z.object({ operation: operationSchema, uri: z.string() }),
  ],
  ["create copy --fork-from shop --detach", z.object({ operation: operationSchema, uri: z.string() })],
  ["restore-point list shop", restoreWindowsSchema],
  ["restore-point create shop before-migration", restorePointSchema],
  ["snapshot list shop", snapshotsSchema.extend({ proofs: proofsSchema.nullable() })],
  ["snapshot create shop --member shop-2 --keep-days 30", operationSchema],
  ["snapshot delete shop shop-20261121T225301Z-3f0a --dry-run", z.object({ would_delete: snapshotSchema })],
  ["snapshot delete shop shop-20261121T225301Z-3f0a --yes", z.object({ deleted: z.string() })],
  ["snapshot set shop --keep-days 14 --daily off", snapshotPolicySchema],
  ["backup show shop", backupsSchema.extend({ proofs: proofsSchema.nullable() })],
  ["backup list shop", z.array(backupSchema)],
  ["backup enable shop --to /mnt/backups --keep-days 30", enabledSchema],
  ["backup connect gone --to /mnt/backups --no-encryption", backupsSchema],
  ["backup create shop --type full", operationSchema],
  ["backup verify shop --number 1", operationSchema],
  ["backup set shop --full-every 14d --every 12h --between differential", backupsSchema.shape.policy],
  ["backup verify shop --no-restore", operationSchema],
  [
    "backup set shop --proof 3d --prove-table shop.public.orders --forget-table shop.public.lines",
    z.object({ proof: proofsSchema.pick({ every_days: true, tables: true, next_at: true }) }),
  ],
  ["backup lock shop 20261122-015336F --until 2099-12-31", z.object({ backup: z.string(), locked_until: z.string() })],
  ["backup unlock shop 20261122-015336F --yes", z.object({ backup: z.string(), locked_until: z.null() })],
  ["backup key shop", keysSchema.shape.keys],
  [
    "backup disable shop --dry-run",
    z.object({ would_disable: z.array(repositoryStatusSchema), would_delete: z.boolean() }),
  ],
  ["backup disable shop --yes", operationSchema],
  ["volume extend shop +5GB", extendedSchema],
  ["extension list shop --all", extensionListSchema],
  ["extension enable shop pg_trgm --database orders", operationSchema],
  ["extension enable shop pg_cron --dry-run", extensionPlanSchema],
  ["extension enable shop pg_cron --yes", operationSchema],
  ["extension disable shop pg_trgm --cascade --yes", operationSchema],
  ["extension update shop pg_trgm --version 1.6", operationSchema],
  ["agent status", agentStatusSchema],
  ["agent start", agentStatusSchema],
  [
    "destroy shop --dry-run",
    z.object({
      would_delete: z.array(z.string()),
      would_keep: z.array(z.object({ id: z.string(), kept_until: z.string() })),
      would_keep_backups: z.array(z.object({ to: z.string(), backups: z.int() })),
    }),
  ],
  [
    "destroy shop --dry-run --with-backups",
    z.object({ would_delete_backups: z.array(z.object({ to: z.string(), backups: z.int() })) }),
  ],
  ["version", z.object({ matriarch: z.string(), node: z.string(), engines: z.array(z.object({})) })],
  ["drain add --all --to https://logs.example.com", drainChangedSchema],
  ["drain list", z.array(drainSchema)],
  ["logs shop", z.array(logLineSchema)],
];

describe("--json: one document on stdout, in its shape", { concurrency: 2 }, () => {
  for (const [line, schema] of shapes) {
    test(line, async () => {
      const ran = await harness.run([...line.split(" "), "--json"]);
      assert.equal(ran.code, 0, ran.stderr);
      schema.parse(parseOutput(ran));
    });
  }

  test("create: the status, and the URI with the password", async () => {
    const ran = await harness.run([
      "create",
      "fresh",
      "--members",
      "3",
      "--set",
      "work_mem=16MB",
      "--memory",
      "2GB",
      "--json",
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    const made = clusterStatusSchema.extend({ uri: z.string(), connection: connectionSchema }).parse(parseOutput(ran));
    assert.equal(made.state, "healthy");
    assert.match(made.uri, /^postgresql:\/\/postgres:s3cret@127\.0\.0\.1:15432\/postgres\?sslmode=verify-full/);
    const asked = harness.installation.calls.find(
      ({ name, args }) => name === "create" && JSON.stringify(args).includes("fresh"),
    );
    assert.deepEqual(asked?.args, [
      { name: "fresh", members: 3, settings: { work_mem: "16MB" }, memory_bytes: 2 * 1024 ** 3 },
    ]);
    assert.notEqual(asked?.by, "unknown");
  });
});

const refusals: readonly (readonly [line: string, exitCode: number, code: string])[] = [
  ["statsu shop", 2, "usage"],
  ["status", 2, "usage"],
  ["status shop --nonsense", 2, "usage"],
  ["status shop extra", 2, "usage"],
  ["create test --members zero", 2, "usage"],
  ["create test --memory 12", 2, "usage"],
  ["uri shop --role best", 2, "usage"],
  ["member", 2, "usage"],
  ["create Shop", 3, "bad-name"],
  ["create shop", 3, "cluster-exists"],
  ["switchover shop --to shop-3", 3, "candidate-behind"],
  ["destroy shop", 3, "not-confirmed"],
  ["failover shop", 3, "not-confirmed"],
  ["member remove shop shop-2", 3, "not-confirmed"],
  ["database drop shop orders", 3, "not-confirmed"],
  ["database drop shop none", 5, "database-not-found"],
  ["user drop shop ada", 3, "not-confirmed"],
  ["user drop shop nobody", 5, "user-not-found"],
  ["extension enable shop", 2, "usage"],
  ["extension disable shop pg_trgm --cascade", 3, "not-confirmed"],
  ["extension list shop --database none", 5, "database-not-found"],
  ["extension enable none pg_trgm", 5, "cluster-not-found"],
  ["user grant shop ada --database orders", 2, "usage"],
  ["user rotate shop ada --grace 32d", 2, "usage"],
  ["attach shop --app web --rotate --grace 32d", 2, "usage"],
  ["user create shop bob --role king", 2, "usage"],
  ["snapshot delete shop shop-20261121T225301Z-3f0a", 3, "not-confirmed"],
  ["snapshot delete shop none --yes", 5, "snapshot-not-found"],
  ["snapshot create shop --keep-days 61", 2, "usage"],
  ["fork shop", 2, "usage"],
  ["fork shop copy --expires 1s", 2, "usage"],
  ["fork shop copy --members 0", 2, "usage"],
  ["fork shop copy --anonymize /dev/null", 2, "usage"],
  ["fork shop copy --anonymize /nonexistent", 2, "usage"],
  ["restore shop", 2, "usage"],
  ["create copy --fork-from shop --version 17", 2, "usage"],
  ["create copy --from-snapshot none", 2, "usage"],
  ["create copy --fork-from none", 5, "cluster-not-found"],
  ["restore shop copy --database stock", 2, "usage"],
  ["restore shop copy --dry-run", 2, "usage"],
  ["restore shop copy --in-place --at 1h", 2, "usage"],
  ["restore shop --in-place", 2, "usage"],
  ["restore shop --in-place --at 1h --from-repository", 2, "usage"],
  ["restore shop --undo --backup 20261122-015336F", 2, "usage"],
  ["restore shop --in-place --at 1h", 3, "not-confirmed"],
  ["restore shop --in-place --at 1h --members 2", 2, "usage"],
  ["restore shop --undo --at 1h", 2, "usage"],
  ["restore none copy", 5, "cluster-not-found"],
  ["restore-point create none p", 5, "cluster-not-found"],
  ["fork none copy", 5, "cluster-not-found"],
  ["snapshot create none", 5, "cluster-not-found"],
  ["snapshot set shop", 2, "usage"],
  ["snapshot set shop --daily sometimes", 2, "usage"],
  ["backup enable shop", 2, "usage"],
  ["backup enable shop --to nowhere", 3, "bad-value"],
  ["backup enable shop --to s3://bucket", 3, "bad-value"],
  ["backup enable shop --to s3://bucket --region eu --endpoint http://minio", 3, "bad-value"],
  ["backup enable shop --to s3://key:secret@bucket --region eu", 3, "bad-value"],
  ["backup enable shop --to /mnt/../etc", 3, "bad-value"],
  ["backup enable shop --to /mnt/backups --region eu", 3, "bad-value"],
  ["backup enable shop --to sftp://nas/backups", 3, "bad-value"],
  ["backup enable shop --to /mnt/backups --every 90m", 2, "usage"],
  ["backup enable none --to /mnt/backups", 5, "cluster-not-found"],
  ["backup create shop --type some", 2, "usage"],
  ["backup create shop --number 3", 2, "usage"],
  ["backup set shop", 2, "usage"],
  ["backup set shop --proof 36h", 2, "usage"],
  ["backup set shop --proof monthly", 2, "usage"],
  ["backup set shop --prove-table orders", 2, "usage"],
  ["backup lock shop 20261122-015336F --until tomorrow", 2, "usage"],
  ["backup lock shop nothing --until 2099-12-31", 5, "backup-not-found"],
  ["backup unlock shop 20261122-015336F", 3, "not-confirmed"],
  ["backup disable shop", 3, "not-confirmed"],
  ["volume extend shop", 2, "usage"],
  ["volume extend shop 12", 2, "usage"],
  ["volume extend shop +0GB", 2, "usage"],
  ["volume extend none 12GB", 5, "cluster-not-found"],
  ["volume list none", 5, "cluster-not-found"],
  ["attach shop", 2, "usage"],
  ["attach shop --app web --grace 1h", 2, "usage"],
  ["attach none --app web", 5, "cluster-not-found"],
  ["detach shop --app none --yes", 5, "attachment-not-found"],
  ["status shpo", 5, "cluster-not-found"],
  ["restart shop --member shop-9", 5, "member-not-found"],
];

describe("exit codes and errors", { concurrency: 2 }, () => {
  for (const [line, exitCode, code] of refusals) {
    test(`${line}: ${code}, exit code ${exitCode}`, async () => {
      const before = harness.installation.calls.filter(({ name }) => name !== "create").length;
      const ran = await harness.run([...line.split(" "), "--json"]);
      assert.equal(ran.code, exitCode, ran.stderr);
      assert.equal(errorBodySchema.parse(parseOutput(ran)).error.code, code);
      assert.match(ran.stderr, /^ERROR: {2}[^A-Z]/m);
      assert.equal(
        harness.installation.calls.filter(({ name }) => name !== "create").length,
        before,
        "something was changed",
      );
    });
  }

  test("without --json the error is on stderr alone, with DETAIL and HINT", async () => {
    const ran = await harness.run(["switchover", "shop", "--to", "shop-3"]);
    assert.equal(ran.stdout, "");
    assert.equal(
      ran.stderr,
      'ERROR:  standby "shop-3" is 35 MB behind the primary\n' +
        "DETAIL:  A switchover allows 16 MB.\n" +
        "HINT:  Wait for it to catch up, or choose another standby with --to.\n",
    );
  });

  test("unknown commands are suggested for", async () => {
    assert.match(
      (await harness.run(["statsu", "shop"])).stderr,
      /unknown command "statsu"\nHINT: {2}Did you mean "status"\?/,
    );
    assert.match((await harness.run(["member", "romove"])).stderr, /HINT: {2}Did you mean "remove"\?/);
  });

  test("who looks for a way to keep what is kept anyway is told so, and nothing is destroyed", async () => {
    for (const option of ["--keep", "--keep-snapshots", "--no-backups"]) {
      const ran = await harness.run(["destroy", "shop", option, "--yes"]);
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stderr, /HINT: {2}Snapshots are kept for their time and backups until you delete them/);
    }
    assert.match((await harness.run(["destroy", "shop", "--nope"])).stderr, /HINT: {2}Try "matriarch help destroy"/);
    assert.equal((await harness.run(["status", "shop"])).code, 0);
  });

  test("help is no error, and says what it is for", async () => {
    for (const args of [[], ["help"], ["--help"], ["help", "member"], ["status", "--help"]]) {
      const ran = await harness.run(args);
      assert.equal(ran.code, 0, args.join(" "));
      assert.match(ran.stdout, /^Usage: matriarch/);
      assert.equal(ran.stderr, "");
    }
  });

  test("no colours and no progress codes without a terminal", async () => {
    const ran = await harness.run(["switchover", "shop", "--to", "shop-2"]);
    assert.ok(!(ran.stdout + ran.stderr).includes("\u001b"));
    // A command that is slow to ask for the next step may find the end.
    assert.match(ran.stderr, /^preparing the directories\n(starting the servers\n)?(waiting for the first commit\n)?$/);
  });
});

describe("operations", () => {
  test("one that fails: exit code and words of its error", async () => {
    await using own = await createHarness();
    own.installation.failing = {
      kind: "create",
      code: "too-little-disk",
      message: "the disk is full",
      hint: "Free some.",
    };
    const ran = await own.run(["create", "big"]);
    assert.equal(ran.code, 3);
    assert.match(ran.stderr, /ERROR: {2}the disk is full\nHINT: {2}Free some\./);
    assert.equal(ran.stdout, "");
  });

  test("a second create of a cluster that is being made follows the first", async () => {
    await using own = await createHarness({ clusters: [] });
    own.installation.stepMs = 500;
    const [first, second] = await Promise.all([
      own.run(["create", "shop", "--json"]),
      own.run(["create", "shop", "--json"]),
    ]);
    assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr);
    const uris = [first, second].map((ran) => z.object({ uri: z.string() }).parse(parseOutput(ran)).uri);
    assert.equal(uris.filter((uri) => uri.includes("s3cret")).length, 1);
    assert.match(first.stderr + second.stderr, /"shop" is being made already/);
  });

  test("Ctrl-C ends the following and not the work: exit code 4, with the password and how to follow", async () => {
    await using own = await createHarness({ clusters: [] });
    own.installation.stepMs = 400;
    const child = spawn(process.execPath, [cliEntry, "create", "shop"], {
      env: { PATH: process.env["PATH"], MATRIARCH_HOME: own.home },
    });
    let stderr = "";
    let interrupted = false;
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
      if (!interrupted && stderr.includes("starting the servers")) interrupted = child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 4, stderr);
    assert.match(stderr, /create of "shop" goes on without this command/);
    assert.match(stderr, /matriarch status shop --watch/);
    assert.match(stderr, /postgres:s3cret@/);
    const goesOn = AbortSignal.timeout(60_000);
    const healthy = new Promise<void>((resolve) =>
      own.installation.watchStatus("shop", ({ state }) => state === "healthy" && resolve(), goesOn),
    );
    await Promise.race([healthy, once(goesOn, "abort").then(() => assert.fail("the work did not go on"))]);
  });

  test("--detach returns at once", async () => {
    await using own = await createHarness({ clusters: [] });
    own.installation.stepMs = 60_000;
    const ran = await own.run(["create", "shop", "--detach", "--json"]);
    assert.equal(ran.code, 0);
    const { operation } = z.object({ operation: operationSchema, uri: z.string() }).parse(parseOutput(ran));
    assert.equal((await own.installation.operation(operation.id)).state, "running");
  });

  test("a password comes from a file or stdin and never from an argument", async () => {
    await using own = await createHarness({ clusters: [] });
    const file = join(own.home, "password");
    await writeFile(file, "from file\n");
    assert.equal((await own.run(["create", "one", "--password-file", file])).code, 0);
    assert.equal((await own.run(["create", "two", "--password-file", "-"], { input: "from stdin\n" })).code, 0);
    const passwords = own.installation.calls.map(
      ({ args }) => z.object({ password: z.string() }).parse(args[0]).password,
    );
    assert.deepEqual(passwords, ["from file", "from stdin"]);
    assert.equal((await own.run(["create", "three", "--password-file", join(own.home, "none")])).code, 3);
  });
});

describe("streams", () => {
  test("status --watch without a terminal: a line per change, and one document per line with --json", async () => {
    await using own = await createHarness();
    for (const [flags, expected] of [
      [[], /shop degraded/],
      [["--json"], /"state":"degraded"/],
    ] as const) {
      own.installation.update("shop", { state: "healthy" });
      const lines = await firstLines(own, ["status", "shop", "--watch", ...flags], 2, () =>
        own.installation.update("shop", { state: "degraded" }),
      );
      assert.match(lines[1] ?? "", expected);
    }
  });

  test("events --follow: the past, then what happens", async () => {
    await using own = await createHarness();
    own.installation.emit({ type: "failover.done", message: "first" });
    const lines = await firstLines(own, ["events", "shop", "--follow", "--json"], 2, () =>
      own.installation.emit({ type: "failover.done", message: "second" }),
    );
    assert.deepEqual(
      lines.map((line) => eventSchema.parse(JSON.parse(line)).message),
      ["first", "second"],
    );
  });

  test("logs: the newest lines of each member, and what is written from now on", async () => {
    await using own = await createHarness();
    const file = join(own.home, "shop-1.log");
    await writeFile(file, Array.from({ length: 100 }, (_, at) => `line ${at}\n`).join(""));
    own.installation.logPaths.set("shop-1", file);
    const newest = await own.run(["logs", "shop", "--lines", "2"]);
    assert.deepEqual(newest.stdout.match(/line \d+/g), ["line 98", "line 99"]);
    const lines = await firstLines(own, ["logs", "shop", "--lines", "1", "--follow"], 2, () =>
      appendFile(file, "line 100\n"),
    );
    assert.deepEqual(
      lines.map((line) => /line \d+/.exec(line)?.[0]),
      ["line 99", "line 100"],
    );
    assert.equal((await own.run(["logs", "shop", "--member", "shop-9"])).code, 5);
  });

  test("a reader that closes early is no error", async () => {
    await using own = await createHarness();
    for (let count = 0; count < 900; count += 1) own.installation.emit({ type: "noise", message: "x".repeat(300) });
    const child = spawn("sh", ["-c", `"$0" "$1" events shop --limit 1000 | head -n 1`, process.execPath, cliEntry], {
      env: { PATH: process.env["PATH"], MATRIARCH_HOME: own.home },
    });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    await new Promise((resolve) => child.once("close", resolve));
    assert.equal(stderr, "");
  });
});

/** The first lines of a command that would go on for ever; `then` runs after the first of them. */
async function firstLines(
  own: Harness,
  args: readonly string[],
  count: number,
  then: () => unknown,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [cliEntry, ...args], {
    env: { PATH: process.env["PATH"], MATRIARCH_HOME: own.home },
  });
  const lines: string[] = [];
  const deadline = setTimeout(() => child.kill("SIGKILL"), 20_000);
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === 1) await then();
    if (lines.length === count) break;
  }
  clearTimeout(deadline);
  child.kill("SIGINT");
  const code = await new Promise((resolve) =>
    child.exitCode === null ? child.once("exit", resolve) : resolve(child.exitCode),
  );
  assert.equal(code, 0, "Ctrl-C is how a watch ends");
  return lines;
}

test("the memory installation speaks the contract", () => {
  clusterStatusSchema.parse(statusOf({ name: "shop" }, "/x"));
});
