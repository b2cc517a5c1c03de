/** `matriarch version`: its declaration, and what it does when it runs. */
import { command, type Run } from "../command.ts";

export const versionCommand = (run: Run) =>
  command("version", "Print the versions of Matriarch, Node and the Postgres engines.", [
    ["matriarch version", "for a person"],
    ["matriarch version --json", "for a program"],
  ]).action(() =>
    run(async (context) => {
      const { collectVersions, renderVersions } = await import("../versions.ts");
      const versions = collectVersions(context.home);
      return { json: versions, text: () => renderVersions(versions) };
    }),
  );
