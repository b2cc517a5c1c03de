/**
 * How the generated client (generated-api.ts) sends and what it makes of answers: paths and queries are encoded, and an
 * answer that is not what the document says is refused, for the agent may be of another version. Members that an older
 * agent does not send get their defaults. No schema library: every command would wait for it.
 */
import type { Duplex } from "node:stream";

import { OpError } from "../../errors/op-error.ts";

/** The part of JSON Schema that the document's answers use; `$ref` is a name of `shapes`. */
export interface Shape {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly allOf?: readonly Shape[];
  readonly default?: unknown;
}
export type Shapes = Readonly<Record<string, Shape>>;

/** Of an answer that is then a T. */
export interface AnswerShape<T> extends Shape {
  readonly of?: T;
}

export interface How {
  readonly deadlineMs?: number;
  /** of a stream: aborted, it ends */
  readonly signal?: AbortSignal;
}

export interface JsonCall<T> {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body: unknown;
  readonly answer: AnswerShape<T>;
}

/** Made by client.ts around the transport. */
export interface Sender {
  json<T>(call: JsonCall<T>, how?: How): Promise<T>;
  stream<T>(path: string, answer: AnswerShape<T>, how?: How): AsyncGenerator<T>;
  tunnel(path: string, how?: How): Promise<Duplex>;
}

/**
 * `.` and `..` would be folded away by a URL parser; no name that exists looks like them.
 * @throws OpError usage for an empty name, which would ask for something else
 */
export function pathPart(name: string): string {
  if (name === "")
    throw new OpError("usage", { message: "a name is empty", hint: "In a script: is the variable for it set?" });
  return /^\.{1,2}$/.test(name) ? "%2E" : encodeURIComponent(name);
}

export function queryText(query: Readonly<Record<string, string | number | boolean | undefined>> = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given.toString()}`;
}

/** The document, with defaults filled in. @throws OpError agent-unreachable when it is not what was expected */
export function checked<T>(shapes: Shapes, shape: AnswerShape<T>, document: unknown): T {
  const problems: string[] = [];
  if (isLike<T>({ shapes, problems }, shape, document)) return document;
  throw new OpError("agent-unreachable", {
    message: "the agent's answer is not what this version expects",
    detail: problems.slice(0, problemsMax).join("\n"),
    hint: "The agent may be of another version: run matriarch agent stop, and this command again.",
  });
}

const problemsMax = 10;

interface Looking {
  readonly shapes: Shapes;
  readonly problems: string[];
}

function isLike<T>(looking: Looking, shape: AnswerShape<T>, document: unknown): document is T {
  look(looking, shape, document, "");
  return looking.problems.length === 0;
}

function look(looking: Looking, shape: Shape, value: unknown, at: string): void {
  if (shape.$ref !== undefined) return look(looking, looking.shapes[shape.$ref] ?? {}, value, at);
  const either = shape.anyOf ?? shape.oneOf;
  if (either !== undefined) return lookForOne(looking, either, value, at);
  for (const one of shape.allOf ?? []) look(looking, one, value, at);
  if (shape.const !== undefined && shape.const !== value)
    return say(looking, at, `expected ${JSON.stringify(shape.const)}`);
  if (shape.enum !== undefined && !shape.enum.includes(value))
    return say(looking, at, `expected one of ${shape.enum.map((one) => JSON.stringify(one)).join(", ")}`);
  if (shape.type === undefined) return;
  const types = typeof shape.type === "string" ? [shape.type] : shape.type;
  if (!types.includes(kindOf(value)) && !(types.includes("integer") && Number.isInteger(value)))
    return say(looking, at, `expected ${types.join(" or ")}, found ${kindOf(value)}`);
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) look(looking, shape.items ?? {}, item, join(at, String(index)));
  else if (isObject(value)) lookAtMembers(looking, shape, value, at);
}

function lookAtMembers(looking: Looking, shape: Shape, value: Record<string, unknown>, at: string): void {
  const { properties = {}, required = [], additionalProperties } = shape;
  for (const [name, member] of Object.entries(properties)) {
    if (value[name] === undefined && member.default !== undefined) value[name] = member.default;
    if (value[name] !== undefined) look(looking, member, value[name], join(at, name));
    else if (required.includes(name)) say(looking, join(at, name), "is missing");
  }
  if (typeof additionalProperties !== "object") return;
  for (const [name, member] of Object.entries(value))
    if (!Object.hasOwn(properties, name)) look(looking, additionalProperties, member, join(at, name));
}

function lookForOne(looking: Looking, shapes: readonly Shape[], value: unknown, at: string): void {
  const tries = shapes.map((shape) => {
    const problems: string[] = [];
    look({ shapes: looking.shapes, problems }, shape, value, at);
    return problems;
  });
  if (tries.some((problems) => problems.length === 0)) return;
  looking.problems.push(...(tries.sort((a, b) => a.length - b.length)[0] ?? []));
}

function say({ problems }: Looking, at: string, text: string): void {
  problems.push(`${at === "" ? "(top)" : at}: ${text}.`);
}

function join(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
