/** `matriarch member …` */
import { command, type Run } from "../../command.ts";
import { memberAdd } from "./add.ts";
import { memberList } from "./list.ts";
import { memberReclone } from "./reclone.ts";
import { memberRemove } from "./remove.ts";

export const memberCommands = (run: Run) =>
  command("member", "List, add, remove or rebuild the members of a cluster.", [])
    .addCommand(memberList(run))
    .addCommand(memberAdd(run))
    .addCommand(memberRemove(run))
    .addCommand(memberReclone(run));
