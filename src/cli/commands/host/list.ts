/** `matriarch host list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderHosts } from "../../output/hosts.ts";
import { storeWords } from "../../output/words.ts";

export const hostList = (run: Run) =>
  command("list", "List the hosts: where they are, whether their agents answer, what is on them.", [
    ["matriarch host list", "all hosts"],
    ["matriarch host list --json", "with labels and engines"],
  ]).action(() =>
    run(async (context) => {
      const client = await context.client();
      const [hosts, { store }] = await Promise.all([client.hosts(), client.agent()]);
      const away = storeWords(store);
      if (away !== undefined) context.note(away);
      return { json: hosts, text: (paint) => renderHosts(hosts, paint) };
    }),
  );
