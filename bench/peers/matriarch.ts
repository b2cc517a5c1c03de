/** Matriarch over three hosts of the laboratory, made by its own commands: what the bench compares with the peers. */
import type { ClientConfig } from "pg";
import { LabCluster } from "../../tests/hosts/lab/cluster.ts";
import type { Host } from "../../tests/hosts/lab/host.ts";
import { Lab } from "../../tests/hosts/lab/lab.ts";
import type { Machine } from "../../tests/hosts/lab/machine.ts";
import type { Network } from "../../tests/hosts/lab/network.ts";
import { until } from "../../tests/faults/until.ts";
import type { PeerSystem } from "./system.ts";

const healthyMs = 120_000;
/** Clients go on writing meanwhile. */
const lagBytesMax = 1_000_000;

/** A laboratory that runs already. Ending it is its maker's. */
export function ofLab(name: string, lab: Lab, cluster: LabCluster): PeerSystem {
  return new Matriarch(name, lab, cluster);
}

export class Matriarch implements PeerSystem {
  readonly name: string;
  readonly #lab: Lab;
  readonly #cluster: LabCluster;

  constructor(name: string, lab: Lab, cluster: LabCluster) {
    this.name = name;
    this.#lab = lab;
    this.#cluster = cluster;
  }

  /** @param promiseMs D; undefined: as it comes */
  static async start(name: string, promiseMs: number | undefined): Promise<Matriarch> {
    const env = promiseMs === undefined ? {} : { MATRIARCH_PROMISE_MS: String(promiseMs) };
    const lab = await Lab.make({ hosts: 3, env });
    try {
      return new Matriarch(name, lab, await LabCluster.create(lab, "bench"));
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get network(): Network {
    return this.#lab.network;
  }

  get hosts(): readonly Host[] {
    return this.#lab.hosts;
  }

  get client(): readonly string[] {
    return this.#lab.client;
  }

  get targets(): readonly ClientConfig[] {
    return this.hosts.map((host) => this.#cluster.target(host));
  }

  async healthy(): Promise<Machine> {
    await this.#cluster.until(
      "healthy",
      ({ state, members }) =>
        state === "healthy" && members.every(({ lag_bytes: lag }) => lag !== null && lag < lagBytesMax),
      healthyMs,
    );
    return this.#cluster.primary();
  }

  postmaster(machine: Machine): number {
    const { pid } = this.#cluster.memberOn(this.#lab.host(machine.name));
    if (pid === null) throw new Error(`no Postgres on ${machine.name}`);
    return pid;
  }

  async switchover(from: Machine): Promise<void> {
    const ran = await this.#lab.host(from.name).matriarch(["switchover", this.#cluster.name, "--yes"]);
    if (ran.code !== 0) throw new Error(`switchover ended with ${ran.code}: ${ran.stderr}`);
    await until("another primary", async () => ((await this.#cluster.primary()).name === from.name ? undefined : true));
  }

  async end(): Promise<void> {
    await this.#lab[Symbol.asyncDispose]();
  }
}
