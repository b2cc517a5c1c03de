/** `matriarch context …` */
import { command, type Run } from "../../command.ts";
import { contextAdd } from "./add.ts";
import { contextList } from "./list.ts";
import { contextRemove } from "./remove.ts";
import { contextUse } from "./use.ts";

export const contextCommands = (run: Run) =>
  command("context", "Installations on other machines, by name, for --context and for all commands.", [])
    .addCommand(contextAdd(run))
    .addCommand(contextList(run))
    .addCommand(contextUse(run))
    .addCommand(contextRemove(run));
