/** `matriarch completion`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { command, type Run } from "../command.ts";

const shells = ["bash", "zsh", "fish"] as const;

export const completion = (run: Run) =>
  command("completion", "Print a script that completes commands, flags and names in your shell.", [
    ["source <(matriarch completion bash)", "for this shell; put it in ~/.bashrc to keep it"],
    ["matriarch completion fish > ~/.config/fish/completions/matriarch.fish", "for fish"],
  ])
    .addArgument(new Argument("<shell>", "your shell").choices(shells))
    .action((shell) =>
      run(async () => {
        const { default: tab } = await import("@bomb.sh/tab");
        // The script asks for each answer with `matriarch complete -- WORDS`, see ../completion.ts.
        tab.setup("matriarch", "matriarch", shell);
      }),
    );
