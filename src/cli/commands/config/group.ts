/** `matriarch config …` */
import { command, type Run } from "../../command.ts";
import { configSet } from "./set.ts";
import { configShow } from "./show.ts";
import { configUnset } from "./unset.ts";

export const configCommands = (run: Run) =>
  command("config", "Settings of a cluster's servers.", [])
    .addCommand(configShow(run))
    .addCommand(configSet(run))
    .addCommand(configUnset(run));
