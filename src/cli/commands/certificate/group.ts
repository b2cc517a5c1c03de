/** `matriarch certificate …` */
import { command, type Run } from "../../command.ts";
import { certificateCreate } from "./create.ts";
import { certificateList } from "./list.ts";
import { certificateRevoke } from "./revoke.ts";

export const certificateCommands = (run: Run) =>
  command("certificate", "Certificates that let people and programs on other machines talk to the agents.", [])
    .addCommand(certificateCreate(run))
    .addCommand(certificateList(run))
    .addCommand(certificateRevoke(run));
