/** `matriarch extension …` */
import { command, type Run } from "../../command.ts";
import { extensionDisable } from "./disable.ts";
import { extensionEnable } from "./enable.ts";
import { extensionList } from "./list.ts";
import { extensionUpdate } from "./update.ts";

export const extensionCommands = (run: Run) =>
  command("extension", "Extensions of a cluster's databases.", [])
    .addCommand(extensionList(run))
    .addCommand(extensionEnable(run))
    .addCommand(extensionDisable(run))
    .addCommand(extensionUpdate(run));
