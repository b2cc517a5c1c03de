/** `matriarch host label`: its declaration, and what it does when it runs. */
import { OpError } from "../../../errors/op-error.ts";
import { hostArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const hostLabel = (run: Run) =>
  command("label", "Set labels of a host; an empty value takes a label away.", [
    ["matriarch host label db-1 disk=nvme rack=12", "two labels"],
    ["matriarch host label db-1 rack=", "without the one again"],
  ])
    .addArgument(hostArgument())
    .argument("<label...>", "as NAME=VALUE")
    .action((host, words) =>
      run(async (context) => {
        const labels = Object.fromEntries(words.map(readLabel));
        const changed = await (await context.client()).labelHost(host, labels);
        const all = Object.entries(changed.labels).map(([name, value]) => `${name}=${value}`);
        return { json: changed, text: () => `Labels of "${host}": ${all.length === 0 ? "none" : all.join(", ")}` };
      }),
    );

function readLabel(word: string): readonly [string, string | null] {
  const at = word.indexOf("=");
  if (at < 1) throw new OpError("usage", { message: `"${word}" is not a label`, hint: "Write it as NAME=VALUE." });
  const value = word.slice(at + 1);
  return [word.slice(0, at), value === "" ? null : value];
}
