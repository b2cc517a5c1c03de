/** `matriarch drain test`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const drainTest = (run: Run) =>
  command("test", "Send one line through a drain now; exit code 1 when it is not taken.", [
    ["matriarch drain test 5f0c7d21", "from this host"],
    ["matriarch drain test 5f0c7d21 --json", "for a program"],
  ])
    .argument("<id>", "id of the drain")
    .action((id) =>
      run(async (context) => {
        const tested = await (await context.client()).testDrain(id);
        const text = tested.ok ? `Taken in ${tested.took_ms} ms.` : `Not taken: ${tested.reason}.`;
        return { json: tested, text: (paint) => paint(tested.ok ? "good" : "bad", text), exitCode: tested.ok ? 0 : 1 };
      }),
    );
