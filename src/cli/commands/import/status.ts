/** `matriarch import status` */
import { command, type Run } from "../../command.ts";

export const importStatus = (run: Run) =>
  command("status", "How far imports are: tables, lag, and what is wrong.", [
    ["matriarch import status shop", "imports of this cluster"],
    ["matriarch import status shop --json", "for programs"],
  ])
    .argument("<cluster>", "its name")
    .action((cluster) =>
      run(async (context) => {
        const { renderImports } = await import("../../output/imports.ts");
        const imports = await (await context.client()).imports(cluster);
        return { json: imports, text: (paint) => renderImports(imports, cluster, paint) };
      }),
    );
