/** `matriarch drain …` */
import { command, type Run } from "../../command.ts";
import { drainAdd } from "./add.ts";
import { drainList } from "./list.ts";
import { drainRemove } from "./remove.ts";
import { drainTest } from "./test.ts";

export const drainCommands = (run: Run) =>
  command("drain", "Send logs and events to syslog, HTTP or OpenTelemetry.", [])
    .addCommand(drainAdd(run))
    .addCommand(drainList(run))
    .addCommand(drainRemove(run))
    .addCommand(drainTest(run));
