/** `matriarch drain remove`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { noteMissing } from "./missing.ts";

export const drainRemove = (run: Run) =>
  command("remove", "End a drain; what was not sent yet is not sent.", [
    ["matriarch drain remove 5f0c7d21", "by its id, as drain list tells it"],
    ["matriarch drain remove 5f0c7d21 --json", "for a program"],
  ])
    .argument("<id>", "id of the drain")
    .action((id) =>
      run(async (context) => {
        const removed = await (await context.client()).removeDrain(id);
        noteMissing(context, removed.missing);
        return { json: removed, text: () => `Drain ${id} removed.` };
      }),
    );
