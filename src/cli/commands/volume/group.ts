/** `matriarch volume …` */
import { command, type Run } from "../../command.ts";
import { volumeExtend } from "./extend.ts";
import { volumeList } from "./list.ts";

export const volumeCommands = (run: Run) =>
  command("volume", "Storage of a cluster's members.", []).addCommand(volumeList(run)).addCommand(volumeExtend(run));
