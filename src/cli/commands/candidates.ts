/** What `--dry-run` of switchover and failover shows: the verdict on every member. */
import type { Client } from "../client/client.ts";
import type { Outcome } from "../context.ts";
import { renderCandidates } from "../output/explain.ts";
import { storeWords } from "../output/words.ts";

interface Asked {
  readonly cluster: string;
  readonly kind: "switchover" | "failover";
  readonly to: string | undefined;
  readonly primaryRegion: string | undefined;
}

/** Exit code 3 when nobody would be chosen, or nothing can be changed now: the change itself would be refused. */
export async function candidatesOutcome(client: Client, asked: Asked): Promise<Outcome> {
  const { cluster, kind, to, primaryRegion } = asked;
  const [candidates, { store }] = await Promise.all([
    client.candidates(cluster, kind, to, primaryRegion),
    client.status(cluster),
  ]);
  const isPossible = candidates.some((candidate) => candidate.chosen) && store.reachable;
  const away = storeWords(store);
  return {
    json: candidates,
    text: (paint) =>
      [
        ...(away === undefined ? [] : [paint("warn", away)]),
        renderCandidates(candidates, paint),
        "Nothing was changed.",
      ].join("\n"),
    exitCode: isPossible ? 0 : 3,
  };
}
