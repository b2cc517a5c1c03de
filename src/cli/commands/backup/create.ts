/** `matriarch backup create`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { repositoryNumber } from "../../backup/repository.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const backupCreate = (run: Run) =>
  command("create", "Take a backup of a cluster now.", [
    ["matriarch backup create shop", "what has changed since the last one"],
    ["matriarch backup create shop --type full", "everything"],
  ])
    .addArgument(clusterArgument())
    .addOption(
      new Option("--type <kind>", "what it holds (default: as those in between)").choices([
        "full",
        "differential",
        "incremental",
      ] as const),
    )
    .addOption(repositoryNumber())
    .action((cluster, { type, number }) =>
      run(async (context) => {
        const request = {
          ...(type === undefined ? {} : { kind: type }),
          ...(number === undefined ? {} : { number: number === 2 ? (2 as const) : (1 as const) }),
        };
        return operationOutcome(context, await (await context.client()).takeBackup(cluster, request));
      }),
    );
