/** `matriarch help`: its declaration, and what it does when it runs. */
import { command, type Run } from "../command.ts";

export const help = (run: Run) => {
  const made = command("help", "Explain a command or a topic.", [
    ["matriarch help switchover", "purpose, flags and examples of a command"],
    ["matriarch help durability", "a topic"],
  ])
    .argument("[subject...]", "command or topic")
    .action((words) =>
      run(async () => {
        const { explainSubject } = await import("../manual/help.ts");
        if (made.parent === null) throw new Error("the command stands alone");
        return explainSubject(made.parent, words);
      }),
    );
  return made;
};
