/**
 * Prometheus' text format, version 0.0.4: families of figures, each with its help, its type and its samples together.
 * Called by everything in this folder. Pure. Source: Prometheus, exposition formats.
 */

export type Labels = Readonly<Record<string, string>>;
type Value = number | boolean | string | null | undefined;

interface Family {
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: string[];
}

export class Exposition {
  readonly #families = new Map<string, Family>();

  /** What is not known has no sample. */
  gauge(name: string, help: string, value: Value, labels: Labels = {}): void {
    this.#add(name, { help, type: "gauge" }, value, labels);
  }

  counter(name: string, help: string, value: Value, labels: Labels = {}): void {
    this.#add(name, { help, type: "counter" }, value, labels);
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { help, type, samples }] of this.#families)
      lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...samples);
    return `${lines.join("\n")}\n`;
  }

  #add(name: string, { help, type }: Omit<Family, "samples">, value: Value, labels: Labels): void {
    const number = numberOf(value);
    if (number === undefined) return;
    let family = this.#families.get(name);
    if (!family) this.#families.set(name, (family = { help, type, samples: [] }));
    family.samples.push(`${name}${labelText(labels)} ${number}`);
  }
}

/** Texts of several hosts as one: a family must stand together. */
export function mergeTexts(texts: readonly string[]): string {
  const heads = new Map<string, string[]>();
  const samples = new Map<string, string[]>();
  for (const text of texts) {
    let family = "";
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (!line.startsWith("# ")) samples.get(family)?.push(line);
      else {
        family = line.split(" ", 3)[2] ?? "";
        const known = heads.get(family) ?? [];
        if (known.length < 2) heads.set(family, [...known, line]);
        if (!samples.has(family)) samples.set(family, []);
      }
    }
  }
  const lines = [...heads].flatMap(([family, head]) => [...head, ...(samples.get(family) ?? [])]);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function numberOf(value: Value): number | undefined {
  if (value === null || value === undefined) return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function labelText(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return "";
  return `{${entries.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",")}}`;
}

/** Names that somebody made in SQL may hold anything. */
function escapeLabel(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`));
}

function escapeHelp(help: string): string {
  return help.replaceAll(/[\\\n]/g, (found) => (found === "\n" ? "\\n" : "\\\\"));
}
