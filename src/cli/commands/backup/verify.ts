/** `matriarch backup verify`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { repositoryNumber } from "../../backup/repository.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const backupVerify = (run: Run) =>
  command("verify", "Read all backups and compare them with what was written.", [
    ["matriarch backup verify shop", "every repository; names what is damaged"],
    ["matriarch backup verify shop --number 2", "only the second copy"],
  ])
    .addArgument(clusterArgument())
    .addOption(repositoryNumber())
    .action((cluster, { number }) =>
      run(async (context) => {
        const request = number === undefined ? {} : { number: number === 2 ? (2 as const) : (1 as const) };
        return operationOutcome(context, await (await context.client()).verifyBackups(cluster, request));
      }),
    );
