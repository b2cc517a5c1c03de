/** `matriarch restore-point …` */
import { command, type Run } from "../../command.ts";
import { restorePointCreate } from "./create.ts";
import { restorePointList } from "./list.ts";

export const restorePointCommands = (run: Run) =>
  command("restore-point", "Moments of a cluster that it can be restored to.", [])
    .addCommand(restorePointList(run))
    .addCommand(restorePointCreate(run));
