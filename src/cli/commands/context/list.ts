/** `matriarch context list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const contextList = (run: Run) =>
  command("list", "List the contexts; the one in use is marked.", [
    ["matriarch context list", "names and hosts"],
    ["matriarch context list --json", "the same for a program"],
  ]).action(() =>
    run(async () => {
      const { listContexts, renderContexts } = await import("../../contexts.ts");
      const contexts = listContexts();
      return { json: contexts, text: (paint) => renderContexts(contexts, paint) };
    }),
  );
