/** What a change of members and of what each gets would do: figures first, then the settings that follow from them. */
import type { ScalePlan } from "../../contract/scale.ts";
import { formatSize } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";
import { renderPlan } from "./settings.ts";
import { renderTable, type Column } from "./table.ts";

interface Figure {
  readonly name: string;
  readonly now: string;
  readonly next: string;
}

const columns: readonly Column<Figure>[] = [
  { heading: "EACH MEMBER", cell: ({ name }) => name },
  { heading: "NOW", cell: ({ now }) => now },
  { heading: "NEW", cell: ({ now, next }) => (now === next ? { text: "unchanged", tone: "dim" } : next) },
];

export function renderScalePlan(plan: ScalePlan, paint: Paint): string {
  const { members, memory_bytes: memory, cpus, limited, kept } = plan;
  const figures: readonly Figure[] = [
    { name: "memory", now: formatSize(memory.before), next: formatSize(memory.after) },
    { name: "cpus", now: String(cpus.before), next: String(cpus.after) },
    { name: "limited", now: limitWords(limited.before), next: limitWords(limited.after) },
  ];
  const count = members.before === members.after ? [] : [`Members: ${members.before} → ${members.after}.`, ""];
  const own = kept.map(({ name, value, computed }) => `Yours, and kept: ${name} = ${value} (computed: ${computed}).`);
  return [...count, renderTable(columns, figures, paint), "", renderPlan(plan, paint), ...own].join("\n");
}

function limitWords({ memory, cpus }: ScalePlan["limited"]["before"]): string {
  if (memory && cpus) return "to both";
  return memory ? "to its memory" : cpus ? "to its cpus" : "no";
}
