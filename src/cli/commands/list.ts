/** `matriarch list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../command.ts";
import { renderList } from "../output/status.ts";

export const list = (run: Run) =>
  command("list", "List the clusters of this installation.", [
    ["matriarch list", "all clusters and their endpoints"],
    ["matriarch list --json", "the same for a program"],
  ]).action(() =>
    run(async (context) => {
      const clusters = await (await context.client()).list();
      return { json: clusters, text: (paint) => renderList(clusters, paint) };
    }),
  );
