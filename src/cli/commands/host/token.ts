/** `matriarch host token`: its declaration, and what it does when it runs. */
import { command, countArgument, durationArgument, type Run } from "../../command.ts";
import { renderToken } from "../../output/hosts.ts";

export const hostToken = (run: Run) =>
  command("token", "Make a token that lets hosts join; shown once. Or take one back.", [
    ["matriarch host token", "for ten hosts, within an hour"],
    ["matriarch host token --expires 15m --uses 1", "for one host, soon"],
  ])
    .option("--expires <duration>", "how long it is good (default: 1h)", durationArgument)
    .option("--uses <number>", "how many hosts it lets in (default: 10)", countArgument(1, 100))
    .option("--revoke <id>", "take a token back instead")
    .action(({ expires, uses, revoke }) =>
      run(async (context) => {
        const client = await context.client();
        if (revoke !== undefined) {
          await client.revokeJoinToken(revoke);
          return { json: { revoked: revoke }, text: () => `Token ${revoke} lets nobody join any more.` };
        }
        const wish = {
          ...(expires === undefined ? {} : { expires_ms: expires }),
          ...(uses === undefined ? {} : { uses }),
        };
        const token = await client.makeJoinToken(wish);
        return { json: token, text: (paint) => renderToken(token, paint) };
      }),
    );
