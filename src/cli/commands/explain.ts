/** `matriarch explain`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { renderExplanation } from "../output/explain.ts";

export const explain = (run: Run) =>
  command("explain", "Explain why each member does what it does, and what the cluster survives.", [
    ["matriarch explain shop", "reasons, candidates, what would be lost"],
    ["matriarch explain shop --json", "the same for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const explanation = await (await context.client()).explain(cluster);
        return { json: explanation, text: (paint) => renderExplanation(explanation, paint) };
      }),
    );
