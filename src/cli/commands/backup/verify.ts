/** `matriarch backup verify`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { repositoryNumber } from "../../backup/repository.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const backupVerify = (run: Run) =>
  command("verify", "Prove that a cluster can be restored: read its backups, and restore it as a test.", [
    ["matriarch backup verify shop", "every repository, then a test restore; names what is damaged"],
    ["matriarch backup verify shop --number 2 --no-restore", "only read the second copy"],
  ])
    .addArgument(clusterArgument())
    .addOption(repositoryNumber())
    .option("--no-restore", "only read what is in the repositories")
    .action((cluster, { number, restore }) =>
      run(async (context) => {
        const which = number === undefined ? {} : { number: number === 2 ? (2 as const) : (1 as const) };
        const request = { ...which, ...(restore ? {} : { restore }) };
        return operationOutcome(context, await (await context.client()).verifyBackups(cluster, request));
      }),
    );
