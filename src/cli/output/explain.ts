/** Why each member does what it does, and what the cluster would survive now. */
import type { Candidate, Explanation } from "../../contract/cluster.ts";
import type { Paint } from "./paint.ts";
import { renderTable } from "./table.ts";
import { clusterStateCell, lagCell, storeWords } from "./words.ts";

export function renderExplanation(explanation: Explanation, paint: Paint): string {
  const state = clusterStateCell(explanation.state);
  const { voters, acks, votes_to_elect: votes, previous } = explanation.rule;
  const store = storeWords(explanation.store);
  const parts = [
    ...(store === undefined ? [] : [paint("warn", store)]),
    `${paint("strong", explanation.cluster)} is ${paint(state.tone ?? "plain", state.text)}: ${explanation.summary}`,
    renderReasons(explanation, paint),
    [
      `A commit needs ${acks} of ${voters.length} voters${voters.length === 0 ? "" : ` (${voters.join(", ")})`}; ` +
        (votes === null ? "nobody can be elected." : `an election needs ${votes}.`),
      ...(previous > 0 ? ["Until the barrier, an election must satisfy the rule before as well."] : []),
    ].join("\n"),
  ];
  if (explanation.candidates.length > 0)
    parts.push(`${candidatesHeading(explanation)}\n${renderCandidates(explanation.candidates, paint)}`);
  if (explanation.survives.length > 0) parts.push(list("Survives", explanation.survives));
  if (explanation.does_not_survive.length > 0) parts.push(list("Does not survive", explanation.does_not_survive));
  return parts.join("\n\n");
}

function candidatesHeading({ cluster, state }: Explanation): string {
  if (state !== "unavailable") return "If the primary were lost now:";
  return `By their logs alone, without the votes that are missing (matriarch failover ${cluster} --force --accept-data-loss goes on without them, for good):`;
}

function renderReasons({ members }: Explanation, paint: Paint): string {
  return renderTable(
    [
      { heading: "MEMBER", cell: (row) => row.member },
      { heading: "REASON", cell: (row) => row.code },
      { heading: "BECAUSE", cell: (row) => row.because },
      { heading: "WAITING FOR", cell: (row) => row.waiting_for ?? "-" },
    ],
    members,
    paint,
  );
}

export function renderCandidates(candidates: readonly Candidate[], paint: Paint): string {
  return renderTable(
    [
      { heading: "MEMBER", cell: (row) => row.member },
      { heading: "VERDICT", cell: verdict },
      { heading: "LAG", align: "right", cell: (row) => lagCell(row.lag_bytes) },
      { heading: "REASON", cell: (row) => row.reason },
    ],
    candidates,
    paint,
  );
}

function verdict({ eligible, chosen }: Candidate) {
  if (chosen) return { text: "would be primary", tone: "good" as const };
  return eligible ? { text: "could be", tone: "plain" as const } : { text: "no", tone: "dim" as const };
}

function list(title: string, items: readonly string[]): string {
  return `${title}:\n${items.map((item) => `  - ${item}`).join("\n")}`;
}
