/**
 * Every story of the fault laboratory. By default those that each run of CI tries; MATRIARCH_STORIES=all runs every one,
 * MATRIARCH_STORIES=<regular expression> those whose name matches. Stories that need the same kind of laboratory share
 * one; after a failure they get a fresh one.
 */
import { after, before, describe, test } from "node:test";
import { findSystemEngines } from "../../src/drivers/postgres/engine/system.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import { hasFakeClock, Lab, type LabOptions } from "./lab/lab.ts";
import { fetchVersions, olderVersion } from "./lab/versions.ts";
import { runStory } from "./lab/story.ts";
import type { Story } from "./lab/stories.ts";
import { chapters } from "./stories/all.ts";

type Kind = NonNullable<Story["needs"]> | "plain";

const systemMajor = (await findSystemEngines())[0]?.major;

const kinds: Readonly<Record<Kind, { readonly lab: LabOptions; readonly create: readonly string[] }>> = {
  "plain": { lab: {}, create: [] },
  "volumes": { lab: { volumeMegabytes: 900 }, create: [] },
  "clocks": { lab: { fakeClock: true }, create: [] },
  // As far apart as the protocol allows (docs/protocol.md), and each of them may be the holder.
  "drifting": { lab: { clockRates: [1.07, 0.93, 1] }, create: [] },
  "spare": { lab: { spare: 1 }, create: [] },
  // The store keeps its majority when the primary region is lost.
  "regions": {
    lab: { hosts: 4, regions: { a: "eu", b: "us", c: "ap", d: "eu" } },
    create: ["--members", "2", "--primary-region", "eu", "--region", "us"],
  },
  "short-slots": {
    lab: {},
    create: ["--set", "max_slot_wal_keep_size=48MB", "--set", "max_wal_size=64MB", "--set", "wal_keep_size=0"],
  },
  "given-etcd": { lab: { givenEtcd: true }, create: [] },
  "older-version": { lab: {}, create: ["--version", olderVersion] },
  "system-engine": { lab: {}, create: ["--engine", "system", "--version", String(systemMajor)] },
};

const wanted = process.env["MATRIARCH_STORIES"] ?? "ci";
const storyMs = 240_000;

function isWanted(story: Story): boolean {
  if (wanted === "all") return true;
  return wanted === "ci" ? (story.ci ?? false) : new RegExp(wanted, "i").test(story.name);
}

const stories = chapters.flatMap((chapter) => chapter.stories).filter(isWanted);

for (const kind of [
  "plain",
  "volumes",
  "clocks",
  "drifting",
  "spare",
  "regions",
  "short-slots",
  "system-engine",
  "older-version",
  "given-etcd",
] as const) {
  const chosen = stories.filter((story) => (story.needs ?? "plain") === kind);
  if (chosen.length > 0) describe(`three hosts (${kind})`, { skip: whyNot(kind) }, () => tellAll(kind, chosen));
}

function whyNot(kind: Kind): string | false {
  if (kind === "clocks" && !hasFakeClock()) return "steps of the clock need Debian's package libfaketime";
  if (kind === "system-engine" && systemMajor === undefined) return "this needs Debian's Postgres: postgresql-15";
  return whyNoLab();
}

function tellAll(kind: Kind, chosen: readonly Story[]): void {
  let lab: Lab | undefined;
  let cluster: LabCluster | undefined;

  async function prepare(): Promise<readonly [Lab, LabCluster]> {
    if (kind === "older-version") await fetchVersions();
    lab ??= await Lab.make(kinds[kind].lab);
    cluster ??= await LabCluster.create(lab, "shop", ...kinds[kind].create);
    return [lab, cluster];
  }
  async function remove(): Promise<void> {
    await lab?.[Symbol.asyncDispose]();
    lab = cluster = undefined;
  }

  before(async () => void (await prepare()), { timeout: 180_000 });
  after(remove, { timeout: 120_000 });

  for (const story of chosen) {
    test(story.name, { timeout: storyMs + (story.healsWithinMs ?? 0) }, async () => {
      const [there, shop] = await prepare();
      try {
        await runStory(there, shop, story);
      } catch (error) {
        await remove();
        throw error;
      }
    });
  }
}
