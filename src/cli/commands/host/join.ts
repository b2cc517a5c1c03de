/** `matriarch host join`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderHostMade } from "../../output/hosts.ts";
import { awaitAgent, basePortArgument, hostOptions } from "./flags.ts";

export const hostJoin = (run: Run) =>
  command("join", "Make this machine one more host of an installation; cut short, run it again.", [
    ["matriarch host join TOKEN", "as host init or host token printed it"],
    ["matriarch host join TOKEN --name db-2 --address 10.0.0.2 --zone b", "where it is not to be guessed"],
  ])
    .argument("<token>", "lets this host in until it expires")
    .option("--name <name>", "name of this host; otherwise the machine's")
    .option("--address <address>", "IP address or name by which the other hosts reach this one")
    .option("--zone <zone>", "what fails together, for example a rack; members are spread over zones")
    .option("--region <region>", "where it is; commits wait for members of one region only")
    .option("--base-port <port>", "first of five ports in a row; otherwise 7400", basePortArgument)
    .option("--no-service", "no systemd service: the agent is started by commands, or with matriarch agent run")
    .action((token, flags) =>
      run(async (context) => {
        const setup = await context.hostSetup();
        const made = await setup.join(token, hostOptions(context, flags), (step) => context.note(step));
        await awaitAgent(context, made);
        return { json: made, text: (paint) => renderHostMade(made, paint) };
      }),
    );
