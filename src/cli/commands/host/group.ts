/** `matriarch host …` */
import { command, type Run } from "../../command.ts";
import { hostDrain } from "./drain.ts";
import { hostInit } from "./init.ts";
import { hostJoin } from "./join.ts";
import { hostLabel } from "./label.ts";
import { hostList } from "./list.ts";
import { hostRebuildStore } from "./rebuild-store.ts";
import { hostRemove } from "./remove.ts";
import { hostSettings } from "./settings.ts";
import { hostToken } from "./token.ts";
import { hostUndrain } from "./undrain.ts";

export const hostCommands = (run: Run) =>
  command("host", "Make an installation over several hosts, and look after its hosts.", [])
    .addCommand(hostInit(run))
    .addCommand(hostJoin(run))
    .addCommand(hostToken(run))
    .addCommand(hostList(run))
    .addCommand(hostLabel(run))
    .addCommand(hostDrain(run))
    .addCommand(hostUndrain(run))
    .addCommand(hostRemove(run))
    .addCommand(hostRebuildStore(run))
    .addCommand(hostSettings(run));
