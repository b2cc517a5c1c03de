/**
 * Hosts as network namespaces joined by a switch, itself a namespace, and what can go wrong between them. Every fault
 * sits in the switch, at the port of the sender, so that a host's own kernel knows nothing of it: packets vanish, as in
 * a real network. Nothing of it is visible outside the namespaces. Needs root, iproute2 and nftables.
 */
import { enter, makeSpace, removeSpace, spaceName } from "./spaces.ts";
import { toolWith, tool } from "./shell.ts";
import { sendPlainFrames, slowWire, type SlowWire, type Slowness } from "./slow-wire.ts";

const network = "10.213.7";

/** Packets from any of `from` to any of `to` are dropped. */
export interface Cut {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** only TCP and UDP to or from these ports */
  readonly ports?: readonly number[];
  /** share of packets that are lost, 0 to 1; all when not given */
  readonly loss?: number;
}

export class Network {
  readonly names: readonly string[];
  readonly #switch = spaceName("switch");
  #cuts: readonly Cut[] = [];
  readonly #slow = new Map<string, SlowWire>();

  private constructor(names: readonly string[]) {
    this.names = names;
  }

  static async make(names: readonly string[]): Promise<Network> {
    const made = new Network(names);
    try {
      await makeSpace(made.#switch);
      await made.#inSwitch("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0");
      await made.#inSwitch("ip", "link", "set", "br0", "up");
      for (const name of names) await made.#plug(name);
    } catch (error) {
      await made.remove();
      throw error;
    }
    return made;
  }

  space(name: string): string {
    return spaceName(name);
  }

  address(name: string): string {
    const index = this.names.indexOf(name);
    if (index < 0) throw new Error(`there is no host "${name}"`);
    return `${network}.${index + 11}`;
  }

  /** The cable: down, the host's interface has no carrier. */
  async link(name: string, state: "up" | "down"): Promise<void> {
    await this.#inSwitch("ip", "link", "set", port(name), state);
  }

  /** Adds faults to those that are there. */
  async cut(...cuts: readonly Cut[]): Promise<void> {
    this.#cuts = [...this.#cuts, ...cuts];
    await this.#apply();
  }

  /** All cuts end. Slow wires and cables are left as they are. */
  async mend(): Promise<void> {
    this.#cuts = [];
    await this.#apply();
  }

  /** Every packet from this host and to it comes late; replaces what slowness it had. */
  async slow(name: string, slowness: Slowness | undefined): Promise<void> {
    await this.#slow.get(name)?.end();
    this.#slow.delete(name);
    await this.#inSwitch("ip", "link", "set", port(name), "master", "br0");
    if (slowness === undefined) return;
    for (const other of this.names) await sendPlainFrames(spaceName(other));
    await this.#inSwitch("ip", "link", "set", port(name), "nomaster");
    this.#slow.set(name, await slowWire(this.#switch, port(name), slowness));
  }

  async remove(): Promise<void> {
    for (const wire of this.#slow.values()) await wire.end();
    for (const name of this.names) await removeSpace(spaceName(name));
    await removeSpace(this.#switch);
  }

  async #plug(name: string): Promise<void> {
    const space = spaceName(name);
    await makeSpace(space);
    await this.#inSwitch("ip", "link", "add", port(name), "type", "veth", "peer", "name", "eth0", "netns", space);
    await this.#inSwitch("ip", "link", "set", port(name), "master", "br0", "up");
    await tool("ip", "-n", space, "address", "add", `${this.address(name)}/24`, "dev", "eth0");
    await tool("ip", "-n", space, "link", "set", "eth0", "up");
  }

  async #apply(): Promise<void> {
    const chains = this.names.map((name) => {
      const rules = this.#cuts.filter(({ from }) => from.includes(name)).flatMap((cut) => this.#rules(cut));
      const hook = `type filter hook ingress device "${port(name)}" priority 0; policy accept;`;
      return `  chain ${port(name)} {\n    ${[hook, ...rules].join("\n    ")}\n  }`;
    });
    const table = `table netdev faults\ndelete table netdev faults\ntable netdev faults {\n${chains.join("\n")}\n}\n`;
    await toolWith([...enter(this.#switch), "nft", "-f", "-"], { input: table });
  }

  #rules({ to, ports, loss }: Cut): readonly string[] {
    if (to.length === 0) return [];
    const daddr = `ip daddr { ${to.map((name) => this.address(name)).join(", ")} }`;
    const chance = loss === undefined || loss >= 1 ? "" : ` numgen random mod 1000 < ${Math.round(loss * 1000)}`;
    if (ports === undefined) return [`${daddr}${chance} drop`];
    const set = `{ ${ports.join(", ")} }`;
    return ["dport", "sport"].map((side) => `${daddr} meta l4proto { tcp, udp } th ${side} ${set}${chance} drop`);
  }

  async #inSwitch(...command: readonly string[]): Promise<void> {
    await tool(...enter(this.#switch), ...command);
  }
}

function port(name: string): string {
  return `p-${name}`;
}
