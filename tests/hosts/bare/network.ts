/**
 * The wire between the bare machines: a switch with the addresses that the pages give as examples, and a way out for
 * apt, git and npm. Machine and switch are namespaces; outside them there is one interface and one table of nftables,
 * both gone afterwards. Used by the trial on bare machines.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tool, toolWith, tryTool } from "../lab/shell.ts";
import { enter, makeSpace, removeSpace, spaceName, sweepSpaces } from "../lab/spaces.ts";

const gateway = "10.0.0.254";
const uplink = { outside: "10.213.250.1", inside: "10.213.250.2", device: "mf-bare", table: "matriarch_bare" };
const forwarding = "/proc/sys/net/ipv4/ip_forward";

export class BareNetwork implements AsyncDisposable {
  readonly #switch = spaceName("switch");
  readonly #names: string[] = [];
  readonly #forwarded = readFileSync(forwarding, "utf8");

  static async make(): Promise<BareNetwork> {
    await sweepSpaces();
    const network = new BareNetwork();
    await network.#plugOutside();
    return network;
  }

  /** @returns path of the machine's network namespace */
  async plug(name: string, address: string): Promise<string> {
    const space = spaceName(name);
    // A machine in the place of another one gets its cable.
    if (this.#names.includes(space)) return `/run/netns/${space}`;
    await makeSpace(space);
    this.#names.push(space);
    const port = `p-${name}`;
    await this.#inSwitch("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space);
    await this.#inSwitch("ip", "link", "set", port, "master", "br0", "up");
    await tool("ip", "-n", space, "address", "add", `${address}/24`, "dev", "eth0");
    await tool("ip", "-n", space, "link", "set", "eth0", "up");
    await tool("ip", "-n", space, "route", "add", "default", "via", gateway);
    return `/run/netns/${space}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const space of this.#names) await removeSpace(space);
    await removeSpace(this.#switch);
    await tryTool(["ip", "link", "delete", uplink.device]);
    await tryTool(["nft", "delete", "table", "ip", uplink.table]);
    writeFileSync(forwarding, this.#forwarded);
  }

  async #plugOutside(): Promise<void> {
    await makeSpace(this.#switch);
    await this.#inSwitch("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    await this.#inSwitch("ip", "address", "add", `${gateway}/24`, "dev", "br0");
    await this.#inSwitch("ip", "link", "set", "br0", "up");
    await tryTool(["ip", "link", "delete", uplink.device]);
    await tool("ip", "link", "add", uplink.device, "type", "veth", "peer", "name", "up0", "netns", this.#switch);
    await tool("ip", "address", "add", `${uplink.outside}/30`, "dev", uplink.device);
    await tool("ip", "link", "set", uplink.device, "up");
    await this.#inSwitch("ip", "address", "add", `${uplink.inside}/30`, "dev", "up0");
    await this.#inSwitch("ip", "link", "set", "up0", "up");
    await this.#inSwitch("ip", "route", "add", "default", "via", uplink.outside);
    await this.#inSwitch("sysctl", "-qw", "net.ipv4.ip_forward=1");
    await toolWith([...enter(this.#switch), "nft", "-f", "-"], { input: hide("up0", "10.0.0.0/24") });
    writeFileSync(forwarding, "1\n");
    const { dev } = await defaultRoute();
    await toolWith(["nft", "-f", "-"], { input: hide(dev, `${uplink.inside}/32`) });
  }

  async #inSwitch(...command: readonly string[]): Promise<void> {
    await tool(...enter(this.#switch), ...command);
  }
}

function hide(device: string, from: string): string {
  const rule = `ip saddr ${from} oifname "${device}" masquerade`;
  const chain = `chain out {\n type nat hook postrouting priority 100;\n ${rule}\n }`;
  return `table ip ${uplink.table}\ndelete table ip ${uplink.table}\ntable ip ${uplink.table} {\n ${chain}\n}\n`;
}

async function defaultRoute(): Promise<{ readonly dev: string }> {
  const dev = /\bdev (\S+)/.exec(await tool("ip", "route", "show", "default"))?.[1];
  if (dev === undefined) throw new Error("this machine has no way out, and bare machines need one for their packages");
  return { dev };
}
