/** The rules of the layout, each from sources to sentences "file:line: rule". Called by layers.test.ts. Pure. */
import { isNode, type Node, type Source, walk } from "./sources.ts";

/**
 * What each layer may import besides itself. A name with a slash is one file. Drivers may import other drivers'
 * `port.ts` as well. `entry` puts the parts together and may import anything.
 */
export const layers: Readonly<Record<string, readonly string[] | "anything">> = {
  domain: [],
  errors: [],
  log: [],
  sqlite: ["errors"],
  etcd: ["errors", "log"],
  core: ["domain"],
  contract: ["domain", "errors"],
  config: ["domain", "errors"],
  events: ["domain", "errors", "sqlite", "log"],
  drivers: ["domain", "errors", "sqlite", "etcd", "log", "links", "router/wire.ts", "guard/wire.ts", "relay/wire.ts"],
  agent: [
    "domain",
    "core",
    "drivers",
    "errors",
    "events",
    "config",
    "contract",
    "log",
    "links",
    "router/wire.ts",
    "guard/wire.ts",
    "relay/wire.ts",
  ],
  installation: [
    "domain",
    "core",
    "drivers",
    "agent",
    "errors",
    "events",
    "config",
    "contract",
    "log",
    "router/wire.ts",
  ],
  guard: ["domain", "errors", "links"],
  relay: ["domain", "errors", "links"],
  router: ["domain", "errors", "links"],
  links: ["domain", "errors"],
  api: ["contract", "errors", "domain", "events", "config", "log", "links", "drivers/*/port.ts"],
  cli: ["contract", "errors", "config", "links"],
  dashboard: ["contract", "errors"],
  entry: "anything",
};

/** Packages and Node modules that a layer may use, where that is limited. */
const packages: Readonly<Record<string, RegExp>> = {
  domain: /^$/,
  errors: /^$/,
  core: /^node:assert(\/strict)?$/,
  contract: /^zod$/,
  guard: /^node:/,
  relay: /^node:/,
  router: /^node:/,
  links: /^node:/,
};

export function isTest(path: string): boolean {
  return /\.test\.ts$|\/(suite|testing)\.ts$|\/(fixtures|suite)\//.test(path);
}

export function checkLayers(sources: readonly Source[]): readonly string[] {
  return sources
    .filter((source) => !isTest(source.path))
    .flatMap((source) => source.imports.map((found) => ({ source, found })))
    .flatMap(({ source, found: { target, specifier, line } }) => {
      const problem = target === undefined ? refusePackage(source.path, specifier) : refuseFile(source.path, target);
      return problem === undefined ? [] : [`${source.path}:${line}: ${problem}`];
    });
}

function refusePackage(path: string, specifier: string): string | undefined {
  const layer = layerOf(path);
  const allowed = packages[layer];
  return allowed === undefined || allowed.test(specifier) ? undefined : `${layer} must not import "${specifier}"`;
}

function refuseFile(path: string, target: string): string | undefined {
  const [from, to] = [layerOf(path), layerOf(target)];
  const allowed = layers[from];
  if (allowed === undefined) return `"src/${from}" is no layer of tests/house/rules.ts`;
  if (!target.startsWith("src/")) return "src must not import what is outside src";
  if (isTest(target)) return "product code must not import a test";
  if (allowed === "anything") return undefined;
  if (from === to) return from === "drivers" ? refuseDriver(path, target) : undefined;
  const asOneFile = target.slice("src/".length).replace(/^drivers\/.+\/port\.ts$/, "drivers/*/port.ts");
  return allowed.includes(to) || allowed.includes(asOneFile) ? undefined : `${from} must not import ${to} (${target})`;
}

function refuseDriver(path: string, target: string): string | undefined {
  const [, , from] = path.split("/");
  const [, , to, file] = target.split("/");
  // How a process of this host is adopted, started and replaced is the same for several of them.
  if (from === to || to === "process" || file === "port.ts") return undefined;
  return `driver "${from}" may import only port.ts of driver "${to}"`;
}

export function layerOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** Types included: a cycle of types is one thing in two files. */
export function checkCycles(sources: readonly Source[]): readonly string[] {
  const imports = new Map(
    sources.map((source) => [
      source.path,
      source.imports.flatMap(({ target }) => (target === undefined ? [] : [target])),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push(`${path}:1: import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return cycles;
}

const linesMax = 400;

/** Written by protoc-gen-es and scripts/api-pages.ts: read and measured by nobody. */
const isGenerated = /^src\/(etcd\/protocol\/\w+_pb|cli\/client\/generated-api)\.ts$/;

/** A verb of the command line: its name and its help are what the file is for. */
const saysItself = /^src\/cli\/commands\//;

export function checkFiles(sources: readonly Source[]): readonly string[] {
  const written = sources.filter(({ path }) => !isGenerated.test(path));
  return written.flatMap((source) => {
    const { path, lines, hasDefaultExport, isBarrel, text } = source;
    const problems = [
      lines > linesMax && `${lines} lines; more than ${linesMax} are two files`,
      /(^|\/)(utils?|common|misc|helpers?)(\/|\.ts$)/.test(path) &&
        "the name says nothing: put it beside the noun it serves",
      hasDefaultExport && "default export; use a name",
      isBarrel && "a file that only passes on the exports of others",
      !isTest(path) &&
        !saysItself.test(path) &&
        !/^(#![^\n]*\n)?\/\*\*/.test(text) &&
        "no comment at its head that says what the file is for",
    ];
    return problems.filter((problem) => problem !== false).map((problem) => `${path}:1: ${problem}`);
  });
}

const reachesOutside = new Set([
  "console",
  "process",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
  "crypto",
]);

/** The core and the domain are functions of what they are given: no clock, no chance, no waiting, no output. */
export function checkPurity(sources: readonly Source[]): readonly string[] {
  return sources
    .filter((source) => /^src\/(core|domain)\//.test(source.path) && !isTest(source.path))
    .flatMap((source) =>
      [...walk(source.program)].flatMap((node) => {
        const problem = impurity(node);
        return problem === undefined ? [] : [`${source.path}:${source.lineAt(node.start)}: ${problem} in pure code`];
      }),
    );
}

function impurity(node: Node): string | undefined {
  if (node["async"] === true) return "async";
  if (node.type === "AwaitExpression") return "await";
  if (node.type === "NewExpression" && nameOf(node["callee"]) === "Date") {
    return Array.isArray(node["arguments"]) && node["arguments"].length === 0 ? "new Date()" : undefined;
  }
  if (node.type === "CallExpression" && reachesOutside.has(nameOf(node["callee"]))) return nameOf(node["callee"]);
  if (node.type !== "MemberExpression") return undefined;
  const name = `${nameOf(node["object"])}.${nameOf(node["property"])}`;
  return name === "Date.now" || name === "Math.random" || reachesOutside.has(nameOf(node["object"])) ? name : undefined;
}

function nameOf(node: unknown): string {
  return isNode(node) && node.type === "Identifier" && typeof node["name"] === "string" ? node["name"] : "";
}

/** Paths of one machine, which mean nothing on another; and texts that must not be published. */
export function checkWording(files: readonly { readonly path: string; readonly text: string }[]): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const found =
        /(?<![\w.])\/(?:work|root|home\/[a-z]\w*|Users\/[a-z]\w*)\/\w+/.exec(line) ??
        /-----BEGIN [A-Z ]*PRIVATE KEY-----\n?[A-Za-z0-9+/]{20}/.exec(line);
      return found === null ? [] : [`${path}:${index + 1}: names one machine or holds a secret: ${found[0]}`];
    }),
  );
}
