/** `matriarch completion`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { command, type Run } from "../command.ts";
import { shells } from "../completion/scripts.ts";

export const completion = (run: Run) =>
  command("completion", "Print a script that completes commands, flags and names in your shell.", [
    ["source <(matriarch completion bash)", "for this shell; put it in ~/.bashrc to keep it"],
    ["matriarch completion fish > ~/.config/fish/completions/matriarch.fish", "for fish"],
  ])
    .addArgument(new Argument("<shell>", "your shell").choices(shells))
    .action((shell) =>
      run(async () => {
        const { scriptFor } = await import("../completion/scripts.ts");
        const script = scriptFor(shell);
        return { json: { shell, script }, text: () => script };
      }),
    );
