/** `matriarch database …` */
import { command, type Run } from "../../command.ts";
import { databaseCreate } from "./create.ts";
import { databaseDrop } from "./drop.ts";
import { databaseList } from "./list.ts";

export const databaseCommands = (run: Run) =>
  command("database", "Databases of a cluster.", [])
    .addCommand(databaseList(run))
    .addCommand(databaseCreate(run))
    .addCommand(databaseDrop(run));
