/** `matriarch metrics`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";

export const metrics = (run: Run) =>
  command("metrics", "Print a cluster's figures as Prometheus reads them, and where it finds them.", [
    ["matriarch metrics shop", "all figures, in Prometheus' text format"],
    ["matriarch metrics shop --targets", "where they are, one a line, as targets of a prometheus.yml"],
  ])
    .addArgument(clusterArgument())
    .option("--targets", "only the addresses that Prometheus is to scrape")
    .action((cluster, { targets }) =>
      run(async (context) => {
        const found = await (await context.client()).metrics(cluster);
        const absent = found.missing.map(
          ({ host, reason }) => `# The members on host "${host}" are missing: ${reason}.`,
        );
        const text = targets
          ? found.targets.map((url) => new URL(url).host).join("\n")
          : [found.text.trimEnd(), ...absent].join("\n");
        return { json: found, text: () => text, exitCode: found.missing.length === 0 ? 0 : 1 };
      }),
    );
