/** `matriarch host list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderHosts } from "../../output/hosts.ts";

export const hostList = (run: Run) =>
  command("list", "List the hosts: where they are, whether their agents answer, what is on them.", [
    ["matriarch host list", "all hosts"],
    ["matriarch host list --json", "with labels and engines"],
  ]).action(() =>
    run(async (context) => {
      const hosts = await (await context.client()).hosts();
      return { json: hosts, text: (paint) => renderHosts(hosts, paint) };
    }),
  );
