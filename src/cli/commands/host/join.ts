/** `matriarch host join`: its declaration, and what it does when it runs. */
import { OpError } from "../../../errors/op-error.ts";
import { command, type Run } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { renderHostMade } from "../../output/hosts.ts";
import { waitForEnd } from "../../wait-for-end.ts";
import { awaitAgent, basePortArgument, hostOptions } from "./flags.ts";

/** Nothing of the host that it was may run when its files go. @throws OpError not-confirmed */
async function leaveFirst(context: CommandContext, { message, detail }: OpError): Promise<void> {
  await context.confirm(`${message}.\n${detail ?? ""}`, "again");
  context.note("stopping its agent and servers");
  const client = await context.client();
  const { pid } = await client.agent();
  await client.stopAgent(true);
  await waitForEnd(pid);
}

export const hostJoin = (run: Run) =>
  command("join", "Make this machine one more host of an installation; cut short, run it again.", [
    ["matriarch host join TOKEN", "as host init or host token printed it"],
    ["matriarch host join TOKEN --name db-2 --address 10.0.0.2 --zone b", "where it is not to be guessed"],
    ["matriarch host join TOKEN --yes", "also where this home is that of a host that was removed"],
  ])
    .argument("<token>", "lets this host in until it expires")
    .option("--name <name>", "name of this host (default: the machine's)")
    .option("--address <address>", "IP address or name by which the other hosts reach this one")
    .option("--zone <zone>", "what fails together, for example a rack; members are spread over zones")
    .option("--region <region>", "where it is; commits wait for members of one region only")
    .option("--base-port <port>", "first of six ports in a row (default: 7400)", basePortArgument)
    .option("--no-service", "no systemd service: the agent is started by commands, or with matriarch agent run")
    .action((token, flags) =>
      run(async (context) => {
        const setup = await context.hostSetup();
        const options = hostOptions(context, flags);
        const tell = (step: string): void => context.note(step);
        const made = await setup.join(token, options, tell).catch(async (error: unknown) => {
          if (!(error instanceof OpError && error.code === "host-removed")) throw error;
          await leaveFirst(context, error);
          return setup.join(token, { ...options, again: true }, tell);
        });
        await awaitAgent(context, made);
        return { json: made, text: (paint) => renderHostMade(made, paint) };
      }),
    );
