/**
 * Runs a transcript on the simulator: commands above `----`, what the members then do and say below it. Called by
 * scenarios.test.ts, which compares, or with UPDATE=1 writes what happened.
 */
import { writesIn } from "../sim/checker.ts";
import { Faults } from "../sim/faults.ts";
import { World } from "../sim/world.ts";
import type { Durability } from "../../src/domain/cluster.ts";

interface Step {
  readonly comments: readonly string[];
  readonly commands: readonly string[];
}

/** Comments and commands of each block; what stands below `----` is output and is made anew. */
export function parseStory(text: string): readonly Step[] {
  return text
    .split("\n\n")
    .map((block) => block.split("\n").filter((line) => line.trim() !== ""))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const end = lines.indexOf("----");
      const above = end < 0 ? lines : lines.slice(0, end);
      const comments = above.filter((line) => line.startsWith("#"));
      return { comments, commands: above.filter((line) => !line.startsWith("#")) };
    });
}

export function tellStory(text: string): string {
  const steps = parseStory(text);
  const [first, ...rest] = steps;
  const story = new Story(first?.commands[0] ?? "");
  const blocks = [first, ...rest].map((step, index) => {
    const lines = index === 0 ? [] : story.run(step?.commands ?? []);
    const above = [...(step?.comments ?? []), ...(step?.commands ?? [])];
    return index === 0 ? above.join("\n") : [...above, "----", ...lines].join("\n");
  });
  return `${blocks.join("\n\n")}\n`;
}

class Story {
  readonly #world: World;
  readonly #faults: Faults;
  #told = 0;

  /** `cluster 3 quorum far 2 bare`: members, durability, members in region "far", only one has a directory; one seed */
  constructor(header: string) {
    const [, members = "3", durability = "quorum", ...shape] = header.split(" ");
    this.#world = new World({
      seed: 1,
      members: Number(members),
      durability: durability as Durability,
      far: shape.includes("far") ? Number(shape[shape.indexOf("far") + 1]) : 0,
      bare: shape.includes("bare"),
      tracing: true,
    });
    this.#faults = new Faults(this.#world, []);
    for (const host of this.#world.hosts.values())
      this.#world.clients.start({ name: "writer", host, direct: undefined, kind: "writer" });
    if (shape.includes("bare")) return;
    this.#advance(3000);
    this.#told = this.#world.lines.length;
  }

  run(commands: readonly string[]): readonly string[] {
    const before = this.#world.clients.acknowledged;
    for (const command of commands) this.#command(command);
    const { reign, rule } = this.#world.store.record;
    const said = this.#world.lines.slice(this.#told).map(withoutTime).filter(isTelling);
    this.#told = this.#world.lines.length;
    const { voters, acks } = rule.value.rule;
    const writes = this.#world.clients.acknowledged > before ? "writes go on" : "no writes";
    const names = voters.map((voter) => `${voter.member}.${voter.incarnation}`).join(" ");
    const state = `= epoch ${reign.value.epoch} ${reign.value.holder} ${reign.value.phase}, ${acks} of (${names}), ${writes}${this.#lost()}`;
    return [...said, state];
  }

  /** Only after a forced failover: otherwise the checker ends the run. */
  #lost(): string {
    const { checker, store, mayLose } = this.#world;
    const dir = this.#world.server(store.record.reign.value.holder)?.dir;
    if (!dir || !mayLose) return "";
    const kept = writesIn(dir.tip);
    return checker.acknowledged.every(({ write }) => kept.has(write)) ? "" : ", acknowledged writes are lost";
  }

  #advance(ms: number): void {
    const until = this.#world.scheduler.now + ms;
    while (this.#world.scheduler.step(until));
  }

  #command(line: string): void {
    const [verb = "", ...words] = line.split(" ");
    const world = this.#world;
    const { operator } = this.#faults;
    const [who = "", what = ""] = words;
    const host = () => world.hostOf(who);
    const verbs: Readonly<Record<string, () => void>> = {
      "advance": () => this.#advance(Number.parseFloat(who) * (who.endsWith("ms") ? 1 : 1000)),
      "kill": () => host().server.crash(),
      "freeze": () => host().server.freeze(),
      "thaw": () => host().server.thaw(),
      "cut": () => {
        for (const other of words.slice(2)) {
          const end = other === "store" ? "store" : world.hostOf(other).id;
          world.network.cut(host().id, end);
          world.network.cut(end, host().id);
        }
      },
      "heal": () => world.network.heal(),
      "store": () => world.store.setState(who === "down" ? "down" : "up"),
      "lose-host": () => {
        host().server.crash();
        host().agent.part.kill();
        host().guard.part.kill();
      },
      "start-host": () => host().start(),
      "kill-agent": () => host().agent.part.kill(),
      "start-agent": () => host().start(),
      "lose-directory": () => this.#faults.loseDirectory(host(), "gone"),
      "failover": () => operator.failover(who === "" ? null : who),
      "force-failover": () => operator.failover(who === "" ? null : who, true),
      "change-region": () => operator.changeRegion(),
      "give-up": () => operator.giveUp(),
      "switchover": () => operator.switchover(who === "" ? null : who),
      "restart": () => operator.restart(who === "primary-first"),
      "upgrade": () => operator.upgrade(who === "" ? undefined : who),
      "set": () => operator.configure(Object.fromEntries(words.map((word) => word.split("=")))),
      "pause": () => operator.pause(Number.parseFloat(who) * 1000),
      "resume": () => operator.resume(),
      "durability": () => operator.durability(who === "strict" ? "strict" : "quorum"),
    };
    const run = verbs[verb];
    if (!run) throw new Error(`unknown command in a story: ${line} ${what}`);
    run();
  }
}

function withoutTime(line: string): string {
  return line.replace(/^ *[\d.]+ {2}/, "").replaceAll(/\d+(\.\d+)? s\b/g, "… s");
}

/** Waiting and small talk is left out. */
function isTelling(line: string): boolean {
  return !/under way|the server is starting|it follows|bytes of log to|slots are brought|it has not been streaming/.test(
    line,
  );
}
