/** `matriarch host remove`: its declaration, and what it does when it runs. */
import { hostArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import type { HostStatus } from "../../../contract/host.ts";
import { OpError } from "../../../errors/op-error.ts";
import { renderRemoved } from "../../output/hosts.ts";

export const hostRemove = (run: Run) =>
  command("remove", "Take a host out of the installation; its certificate is refused from then on.", [
    ["matriarch host remove db-4", "after matriarch host drain db-4"],
    ["matriarch host remove db-4 --lost --yes", "it is gone for good, with what was on it"],
  ])
    .addArgument(hostArgument())
    .option("--lost", "the host does not come back: its members are given up, and made anew where there is room")
    .action((host, { lost }) =>
      run(async (context) => {
        const client = await context.client();
        const hosts = await client.hosts();
        const members = knownHost(hosts, host).members;
        const plan = [`This removes host "${host}" from the installation.`];
        if (lost && members.length > 0) plan.push(`What is on it is given up: ${members.join(", ")}.`);
        await context.confirm(plan.join("\n"), host);
        const removed = await client.removeHost(host, lost === true);
        return { json: removed, text: () => renderRemoved(removed) };
      }),
    );

/** Nobody is asked about what is not there. @throws OpError host-not-found */
function knownHost(hosts: readonly HostStatus[], name: string): HostStatus {
  const found = hosts.find((host) => host.name === name);
  if (found) return found;
  throw new OpError("host-not-found", {
    message: `there is no host "${name}"`,
    detail: `Hosts are ${hosts.map((host) => host.name).join(", ")}.`,
    hint: "See them with: matriarch host list",
  });
}
