/** Reads TypeScript sources into what the checks of the code itself look at. Called by layers.test.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type Program, parseSync } from "oxc-parser";

export interface Import {
  /** as written */
  readonly specifier: string;
  /** path from the root for a file of ours; undefined for a package */
  readonly target: string | undefined;
  readonly line: number;
}

export interface Source {
  /** from the root, with forward slashes */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly hasDefaultExport: boolean;
  /** it exports, and nothing of its own */
  readonly isBarrel: boolean;
  readonly program: Program;
  readonly lineAt: (offset: number) => number;
}

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

/** Every file below `folder` whose name ends like this. */
export function listFiles(root: string, folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => posix.join(entry.parentPath.slice(root.length + 1).replaceAll("\\", "/"), entry.name))
    .filter((path) => !path.includes("node_modules/"))
    .sort();
}

export function readSource(root: string, path: string): Source {
  return parseSource(path, readFileSync(join(root, path), "utf8"));
}

export function parseSource(path: string, text: string): Source {
  const { program, module, errors } = parseSync(path, text);
  const [error] = errors;
  if (error) throw new SyntaxError(`${path}: ${error.message}`);
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  const toImport = (specifier: string, offset: number): Import => ({
    specifier,
    target: specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined,
    line: lineAt(offset),
  });
  const exported = module.staticExports.flatMap((statement) => statement.entries);
  return {
    path,
    text,
    lines: text.trimEnd().split("\n").length,
    imports: [...findImports(program)].map(({ specifier, offset }) => toImport(specifier, offset)),
    hasDefaultExport: exported.some((entry) => /^Default$/.test(entry.exportName.kind)),
    isBarrel: exported.length > 0 && exported.every((entry) => entry.moduleRequest !== null),
    program,
    lineAt,
  };
}

/** Static, re-exporting, dynamic and type imports alike. */
function* findImports(program: Program): Generator<{ specifier: string; offset: number }> {
  for (const node of walk(program)) {
    if (!/^(ImportDeclaration|Export(Named|All)Declaration|ImportExpression|TSImportType)$/.test(node.type)) continue;
    const source = node["source"] ?? node["argument"];
    if (!isNode(source)) continue;
    const literal = isNode(source["literal"]) ? source["literal"] : source;
    if (typeof literal["value"] === "string") yield { specifier: literal["value"], offset: node.start };
  }
}

/** Every node of the tree, parents first. */
export function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const item of value) yield* walk(item);
  } else if (isNode(value)) {
    yield value;
    for (const field of Object.values(value)) yield* walk(field);
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
