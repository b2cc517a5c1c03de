/** A Dockerfile, read as its builders read it: stages of instructions. For tests that carry them out, or look at them. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  readonly alias: string | undefined;
  readonly instructions: readonly Instruction[];
}

export interface Copy {
  readonly from: string | undefined;
  readonly mode: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; alias: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of joined(text)) {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/s.exec(line) ?? [];
    const from = name === "FROM" ? /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) : undefined;
    if (from) stages.push({ base: from[1] ?? "", alias: from[2], instructions: [] });
    else if (name === "" || stages.length === 0) throw new Error(`this is no instruction: ${line}`);
    else stages.at(-1)?.instructions.push({ name, text: rest });
  }
  return stages;
}

/** A line that ends in a backslash goes on in the next; comments between them are none of it. */
function joined(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return lines
    .join("\n")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

export function parseCopy(text: string): Copy {
  const words = text.split(/\s+/);
  const flag = (name: string): string | undefined =>
    words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  const paths = words.filter((word) => !word.startsWith("--"));
  return { from: flag("from"), mode: flag("chmod"), sources: paths.slice(0, -1), target: paths.at(-1) ?? "" };
}

/** `["a", "b"]` of ENTRYPOINT, CMD and what stands behind HEALTHCHECK's flags. */
export function parseWords(text: string): readonly string[] {
  const value: unknown = JSON.parse(text.slice(text.indexOf("[")));
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new Error(`these are no words: ${text}`);
}

/** `A=b C=d` of ENV. */
export function parseEnvironment(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]));
}
