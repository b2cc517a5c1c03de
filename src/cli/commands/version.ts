/** `matriarch version`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { command, type Run } from "../command.ts";

export const versionCommand = (run: Run) =>
  command("version", "Print the versions of Matriarch, Node and the Postgres engines, or of a cluster's members.", [
    ["matriarch version", "what is installed here"],
    ["matriarch version shop", "what each member runs, and whether a newer one is there"],
    ["matriarch version shop --check", "asks the registry too; nothing else ever does"],
  ])
    .addArgument(new Argument("[cluster]", "name of a cluster"))
    .option("--check", "ask the registry of packages what is newest, for the embedded engine")
    .action((cluster, { check }) =>
      run(async (context) => {
        if (cluster !== undefined) {
          const { renderReport } = await import("../output/versions.ts");
          const report = await (await context.client()).versions(cluster, check === true);
          return { json: report, text: (paint) => renderReport(report, paint) };
        }
        const { collectVersions, renderVersions } = await import("../versions.ts");
        const versions = collectVersions(context.home);
        return { json: versions, text: () => renderVersions(versions) };
      }),
    );
