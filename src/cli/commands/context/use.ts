/** `matriarch context use`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const contextUse = (run: Run) =>
  command("use", "Use a context whenever none is named.", [
    ["matriarch context use prod", "from now on"],
    ["matriarch context use local", "the agent of this machine again"],
  ])
    .argument("<name>", 'name of the context, or "local"')
    .action((name) =>
      run(async () => {
        const { useContext } = await import("../../contexts.ts");
        useContext(name);
        return { json: { current: name }, text: () => `Commands talk to "${name}" now.` };
      }),
    );
