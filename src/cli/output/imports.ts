/** Imports for people: the checks before one, how far it is, and what came of it. */
import type { ImportChecks, ImportStatus } from "../../contract/imports.ts";
import type { Operation } from "../../contract/cluster.ts";
import { formatDuration, formatSize } from "../../contract/units.ts";
import { renderOperation } from "./operation.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const signs = { ok: ["good", "✓"], note: ["warn", "!"], failed: ["bad", "✗"] } as const;

export function renderChecks({ checks, ok }: ImportChecks, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, outcome, text, hint }) => {
    const [tone, sign] = signs[outcome];
    const line = `${paint(tone, sign)} ${name.padEnd(width)}  ${plain(text)}`;
    return hint === undefined ? [line] : [line, `  ${" ".repeat(width)}  ${paint("dim", plain(hint))}`];
  });
  return [...lines, ...(ok ? [] : ["Nothing was changed."])].join("\n");
}

/** Names from elsewhere may hold what a terminal would obey. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}

export function renderBegun({ id, cluster }: Operation): string {
  return `import into "${cluster}" begun: operation ${id}\nSee how far it is with: matriarch import status ${cluster}`;
}

export function renderImported(operation: Operation, isLive: boolean, paint: Paint): string {
  const text = renderOperation(operation, paint);
  const { cluster, result } = operation;
  const database = typeof result?.["database"] === "string" ? result["database"] : "";
  const next = isLive
    ? `See how far it is with "matriarch import status ${cluster}", and move over with "matriarch import cutover ${cluster}".`
    : `Give an application its user there: matriarch attach ${cluster} --app APP --database ${shell(database)} --yes`;
  return `${text}\n${next}`;
}

function shell(word: string): string {
  return /^[\w.-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

const columns: readonly Column<ImportStatus>[] = [
  { heading: "DATABASE", cell: ({ database }) => database },
  { heading: "SOURCE", cell: ({ source }) => source },
  {
    heading: "STATE",
    cell: ({ state }) => ({
      text: state,
      tone: state === "stuck" || state === "unfinished" ? "bad" : state === "following" ? "good" : "warn",
    }),
  },
  { heading: "TABLES", align: "right", cell: ({ tables }) => (tables ? `${tables.copied}/${tables.total}` : "-") },
  {
    heading: "LAG",
    align: "right",
    cell: ({ lag_bytes: bytes, lag_seconds: seconds }) =>
      bytes === null ? "-" : `${formatSize(bytes)}${seconds === null ? "" : `, ${formatDuration(seconds * 1000)}`}`,
  },
];

export function renderImports(imports: readonly ImportStatus[], cluster: string, paint: Paint): string {
  if (imports.length === 0) return `no import is under way in cluster "${cluster}"`;
  const lines = imports.flatMap(({ database, tables, problem, state }) => [
    ...(tables && tables.copying.length > 0 ? [`"${database}" still copies: ${tables.copying.join(", ")}`] : []),
    ...(problem === null ? [] : [`"${database}": ${problem}`]),
    ...(state === "unfinished" ? [`Take what is left away with: matriarch import abandon ${cluster}`] : []),
  ]);
  return [renderTable(columns, imports, paint), ...lines.map(plain)].join("\n");
}
