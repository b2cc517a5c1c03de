/** `matriarch drain list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderDrains } from "../../output/drains.ts";

export const drainList = (run: Run) =>
  command("list", "List the drains, and how each fares on this host. Never their tokens.", [
    ["matriarch drain list", "all of them"],
    ["matriarch drain list --json", "the same for a program"],
  ]).action(() =>
    run(async (context) => {
      const drains = await (await context.client()).drains();
      return { json: drains, text: (paint) => renderDrains(drains, paint) };
    }),
  );
