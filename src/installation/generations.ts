/**
 * Generations of a cluster's spec: a change that was made for one of them is refused when there is another, and is told
 * what came in between. What came is what this agent has seen since it began; who asked for it is in the audit.
 */
import { AsyncLocalStorage } from "node:async_hooks";

import type { ClusterRuntime } from "../agent/runtime.ts";
import type { ClusterSpec } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";

interface Expectation {
  readonly cluster: string;
  readonly generation: number;
  /** what is written first must meet it; what the same change writes later is its own */
  isMet: boolean;
}

interface Step {
  readonly generation: number;
  readonly changes: readonly string[];
}

const expectations = new AsyncLocalStorage<Expectation>();
const stepsMax = 50;
const changesMax = 20;

/** Also asked by every write of a spec (parts.ts), so that nothing comes between the look and the write. */
export function refuseOtherGeneration(spec: ClusterSpec): void {
  const expected = expectations.getStore();
  if (expected === undefined || expected.isMet || expected.cluster !== spec.name) return;
  if (expected.generation !== spec.generation) throw changed(spec, expected.generation, []);
}

/** The first write of the change under way is done. */
export function metGeneration(cluster: string): void {
  const expected = expectations.getStore();
  if (expected?.cluster === cluster) expected.isMet = true;
}

export class Generations {
  readonly #last = new Map<string, ClusterSpec>();
  readonly #steps = new Map<string, readonly Step[]>();

  /** Of each cluster, whenever it has changed. */
  see({ record }: ClusterRuntime): void {
    const spec = record.spec.value;
    const before = this.#last.get(spec.name);
    if (before === spec) return;
    this.#last.set(spec.name, spec);
    if (before === undefined || before.createdAt !== spec.createdAt) this.#steps.set(spec.name, []);
    else if (before.generation !== spec.generation) {
      const step = { generation: spec.generation, changes: differences(before, spec) };
      this.#steps.set(spec.name, [...(this.#steps.get(spec.name) ?? []), step].slice(-stepsMax));
    }
  }

  forget(cluster: string): void {
    this.#last.delete(cluster);
    this.#steps.delete(cluster);
  }

  async expecting<T>(cluster: ClusterRuntime, generation: number, change: () => Promise<T>): Promise<T> {
    const spec = cluster.record.spec.value;
    this.see(cluster);
    if (spec.generation !== generation) throw changed(spec, generation, this.#since(spec.name, generation));
    try {
      return await expectations.run({ cluster: spec.name, generation, isMet: false }, change);
    } catch (error) {
      if (!(error instanceof OpError && error.code === "generation-changed")) throw error;
      this.see(cluster);
      throw changed(cluster.record.spec.value, generation, this.#since(spec.name, generation));
    }
  }

  #since(cluster: string, generation: number): readonly string[] {
    const steps = this.#steps.get(cluster) ?? [];
    return steps.filter((step) => step.generation > generation).flatMap(({ changes }) => changes);
  }
}

function changed({ name, generation }: ClusterSpec, expected: number, changes: readonly string[]): OpError {
  return new OpError("generation-changed", {
    message: `cluster "${name}" is of generation ${generation}, and the request was made for ${expected}`,
    ...(changes.length === 0 ? {} : { detail: changes.slice(-changesMax).join("\n") }),
    hint: `Look again, and ask for what is still wanted. Who changed what: matriarch audit ${name}`,
  });
}

/** Not what a person asked for. */
const unsaid = new Set(["generation", "change", "systemIdentifier", "lastMember"]);

/** One line for each member of the spec, of settings for each setting. */
export function differences(before: ClusterSpec, after: ClusterSpec): readonly string[] {
  const flat = (spec: ClusterSpec): ReadonlyMap<string, string> => {
    const { settings, ...others } = spec;
    const named = Object.entries(settings).map(([name, value]): [string, string] => [`settings.${name}`, value]);
    const rest = Object.entries(others).filter(([name]) => !unsaid.has(name));
    return new Map([...rest.map(([name, value]): [string, string] => [name, JSON.stringify(value)]), ...named]);
  };
  const [old, now] = [flat(before), flat(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
  return names.map((name) => `${name}: ${old.get(name) ?? "not set"} before, ${now.get(name) ?? "not set"} now.`);
}
