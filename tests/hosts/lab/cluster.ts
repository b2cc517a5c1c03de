/**
 * One cluster over the hosts of the laboratory, as its agents tell of it: any agent that answers is asked. Where its
 * members are, where clients write, what was told. Used by the stories.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientConfig } from "pg";
import {
  clusterStatusSchema,
  eventSchema,
  type ClusterEvent,
  type ClusterStatus,
  type MemberStatus,
} from "../../../src/contract/cluster.ts";
import { until } from "../../faults/until.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";

const password = "a password of the tests";

export class LabCluster {
  readonly name: string;
  readonly lab: Lab;
  #last: ClusterStatus | undefined;

  private constructor(lab: Lab, name: string) {
    this.lab = lab;
    this.name = name;
  }

  static async create(lab: Lab, name: string, ...flags: readonly string[]): Promise<LabCluster> {
    const [first] = lab.hosts;
    const ran = await first?.matriarch(["create", name, "--json", "--password-file", "-", ...flags], {
      input: password,
    });
    if (ran?.code !== 0) throw new Error(`create ended with ${ran?.code}:\n${ran?.stdout}\n${ran?.stderr}`);
    const cluster = new LabCluster(lab, name);
    await cluster.healthy();
    return cluster;
  }

  /** As the first host says that answers. @param from only this one is asked */
  async status(from?: Host): Promise<ClusterStatus | undefined> {
    for (const host of from ? [from] : this.lab.hosts) {
      const parsed = clusterStatusSchema.safeParse(await host.api(`/v1/clusters/${this.name}`));
      if (parsed.success) return (this.#last = parsed.data);
    }
    return undefined;
  }

  until(
    what: string,
    isSo: (status: ClusterStatus) => boolean,
    withinMs = 60_000,
    from?: Host,
  ): Promise<ClusterStatus> {
    const look = async (): Promise<ClusterStatus | undefined> => {
      const status = await this.status(from);
      return status && isSo(status) ? status : undefined;
    };
    return until(`${this.name}: ${what}`, look, { withinMs, seen: () => describe(this.#last) });
  }

  healthy(withinMs = 90_000, from?: Host): Promise<ClusterStatus> {
    return this.until("healthy", ({ state }) => state === "healthy", withinMs, from);
  }

  async primary(): Promise<Host> {
    const status = await this.until("a primary", ({ primary }) => primary !== null);
    return this.hostOf(memberOf(status, status.primary ?? ""));
  }

  async standbys(): Promise<readonly Host[]> {
    const status = await this.until("a primary", ({ primary }) => primary !== null);
    return status.members.filter(({ id }) => id !== status.primary).map((member) => this.hostOf(member));
  }

  /** The member on this host, as seen last. */
  memberOn(host: Host): MemberStatus {
    const found = this.#last?.members.find((member) => member.host === host.name);
    if (!found) throw new Error(`no member of ${this.name} on ${host.name}`);
    return found;
  }

  hostOf(member: MemberStatus): Host {
    return this.lab.host(member.host);
  }

  /** @param from only this one is asked */
  async events(from?: Host): Promise<readonly ClusterEvent[]> {
    for (const host of from ? [from] : this.lab.hosts) {
      const parsed = eventSchema.array().safeParse(await host.api(`/v1/clusters/${this.name}/events?limit=1000`));
      if (parsed.success) return parsed.data;
    }
    return [];
  }

  target(host: Host, kind: "primary" | "read" = "primary"): ClientConfig {
    const port = this.#last?.endpoints[kind].port;
    const ca = readFileSync(join(host.home, "ca", "ca.crt"), "utf8");
    return { host: host.address, port, ...credentials, ssl: { ca } };
  }

  /** Past every endpoint: the member's own socket, which a client on any host of the laboratory can open. */
  direct(member: MemberStatus): ClientConfig {
    return { host: member.socket_directory, port: member.port, ...credentials, ssl: false };
  }
}

const credentials = { user: "postgres", password, database: "postgres" };

function memberOf(status: ClusterStatus, id: string): MemberStatus {
  const found = status.members.find((member) => member.id === id);
  if (!found) throw new Error(`there is no member "${id}"`);
  return found;
}

function describe(status: ClusterStatus | undefined): string {
  if (!status) return "no agent answered";
  const members = status.members.map(
    ({ id, host, role, state, because }) => `${id}@${host} ${role} ${state}: ${because}`,
  );
  return [`${status.state}: ${status.detail}; epoch ${status.epoch}`, ...members].join("\n  ");
}
