/** `matriarch context remove`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const contextRemove = (run: Run) =>
  command("remove", "Forget a context. The installation, the token and the certificate stay as they are.", [
    ["matriarch context remove prod", "it is only forgotten here"],
    ["matriarch context remove prod --json", "for a program"],
  ])
    .argument("<name>", "name of the context")
    .action((name) =>
      run(async () => {
        const { removeContext } = await import("../../contexts.ts");
        removeContext(name);
        return { json: { removed: name }, text: () => `Context "${name}" removed.` };
      }),
    );
