/** `matriarch pool …` */
import { command, type Run } from "../../command.ts";
import { poolSet } from "./set.ts";
import { poolShow } from "./show.ts";

export const poolCommands = (run: Run) =>
  command("pool", "The pooled endpoint: many clients, few servers.", [])
    .addCommand(poolShow(run))
    .addCommand(poolSet(run));
