/** `matriarch token list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderTokens } from "../../output/tokens.ts";

export const tokenList = (run: Run) =>
  command("list", "List the tokens: whose, what they allow, until when. Never the tokens themselves.", [
    ["matriarch token list", "all of them"],
    ["matriarch token list --json", "the same for a program"],
  ]).action(() =>
    run(async (context) => {
      const tokens = await (await context.client()).tokens();
      return { json: tokens, text: (paint) => renderTokens(tokens, paint) };
    }),
  );
