/** `matriarch volume extend`: its declaration, and what it does when it runs. */
import { Argument, InvalidArgumentError } from "@commander-js/extra-typings";

import type { ExtendRequest } from "../../../contract/storage.ts";
import { clusterArgument } from "../../arguments.ts";
import { command, sizeArgument, type Run } from "../../command.ts";

const notes = `
Volumes grow while the servers run, and never shrink. Without a size a volume may fill its file system.`;

export const volumeExtend = (run: Run) =>
  command("extend", "Make the volumes of a cluster's members larger, at once and without a pause.", [
    ["matriarch volume extend shop 20GB", "to this size, each"],
    ["matriarch volume extend shop +5GB", "by so much, each"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("<size>", "20GB, or +5GB for so much more").argParser(extension))
    .addHelpText("after", notes)
    .action((cluster, request) =>
      run(async (context) => {
        const { renderExtended } = await import("../../output/volumes.ts");
        const extended = await (await context.client()).extendVolumes(cluster, request);
        return { json: extended, text: (paint) => renderExtended(cluster, extended, paint) };
      }),
    );

function extension(text: string): ExtendRequest {
  const isMore = text.startsWith("+");
  const bytes = sizeArgument(isMore ? text.slice(1) : text);
  if (bytes === 0) throw new InvalidArgumentError("It must be more than nothing.");
  return isMore ? { add_bytes: bytes } : { size_bytes: bytes };
}
