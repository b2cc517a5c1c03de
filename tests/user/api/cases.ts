/**
 * Requests made from the OpenAPI document: ones that fit it and ones that do not, of callers who may and who may not. Used by
 * the contract test. What would end the agent, or make whole clusters, is only asked in ways that must be refused.
 */
import fc from "fast-check";

import { roles, type Role, type Sent } from "./agent.ts";
import { valueOf, type Schema, type Schemas } from "./schema.ts";

export interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Schema;
}

export interface Response {
  readonly "$ref"?: string;
  readonly "content"?: Readonly<Record<string, { readonly "schema": Schema; readonly "x-document"?: Schema }>>;
  readonly "x-codes"?: readonly string[];
}

export interface Operation {
  readonly "operationId": string;
  readonly "x-role": string;
  readonly "parameters": readonly Parameter[];
  readonly "requestBody"?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly "responses": Readonly<Record<string, Response>>;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Schemas;
    readonly responses: Readonly<Record<string, Response>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
  };
}

export interface Case extends Sent {
  /** what is odd about it, for people */
  readonly about: string;
  readonly isOtherMethod: boolean;
  readonly who: Who;
}

export type Who = Role | "nobody" | "wrong token" | "odd header";

/** Ends what the test stands on, or takes minutes of a machine. */
const costly =
  /^(destroy|stopAgent|create(Cluster|Certificate)|fork|restore|rebuild|remove|drain|addMember|scale|upgrade|promote|delete|stop|restart|reclone|begin|takeBackup|verify|enable|disable|connectRepository|lock|changeExtension|switchover|failover)/i;

const known: Readonly<Record<string, readonly unknown[]>> = {
  cluster: ["shop"],
  member: ["shop-1", "shop-2"],
  name: ["shop", "orders"],
  database: ["postgres", "orders"],
  user: ["postgres", "app"],
  owner: ["postgres"],
  app: ["web"],
  to: ["shop-1"],
  host: ["127.0.0.1"],
  what: ["looks", "ports", "engine"],
  region: ["local"],
  template: ["template1"],
};

const oddNames = [
  ".",
  "..",
  "%",
  "a/b",
  "a b",
  "SHOP",
  "ʃop",
  "'; DROP TABLE x",
  "x".repeat(300),
  "\u0000",
  "-1",
  "__proto__",
];

export function casesOf(path: string, method: string, operation: Operation, document: Document): fc.Arbitrary<Case> {
  const { schemas, parameters } = document.components;
  const all = operation.parameters.map((one) => (one.$ref === undefined ? one : (parameters[nameOf(one.$ref)] ?? one)));
  const body = operation.requestBody?.content["application/json"]?.schema;
  const isCostly = costly.test(operation.operationId);
  return fc
    .record({
      who: fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom<Who>("viewer", "operator", "admin", "admin", "admin") },
        fc.constantFrom<Who>("nobody", "wrong token", "odd header"),
      ),
      names: fc.record(
        Object.fromEntries(
          all.filter((one) => one.in === "path").map((one) => [one.name, nameFor(one.name, isCostly)]),
        ),
      ),
      query: queryOf(all, schemas),
      headers: headersOf(all, schemas),
      body: body === undefined ? fc.constant(none) : bodyOf(body, schemas, isCostly),
      otherMethod: fc.oneof(
        { weight: 12, arbitrary: fc.constant(undefined) },
        fc.constantFrom("PUT", "PATCH", "OPTIONS", "TRACE", "LOCK"),
      ),
    })
    .map(({ who, names, query, headers, body, otherMethod }) => {
      // Without a body there is nothing that could be refused, so whoever may do it does not ask.
      const isHarmless = !isCostly || body.isRefused || path.includes("{");
      const asker = isHarmless || !roles.some((role) => role === who) ? who : "viewer";
      return {
        method: otherMethod ?? method.toUpperCase(),
        isOtherMethod: otherMethod !== undefined,
        path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(names[name]))) + query,
        headers: { ...headers, ...body.headers },
        who: asker,
        body: body.bytes,
        about: `${asker}, ${body.about}`,
      };
    });
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function nameFor(name: string, isCostly: boolean): fc.Arbitrary<unknown> {
  const odd = fc.oneof(fc.constantFrom(...oddNames), fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }));
  const usual = known[name];
  return isCostly || usual === undefined
    ? odd.map((text) => (text === "shop" ? "shp" : text))
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...usual) }, odd);
}

function queryOf(all: readonly Parameter[], schemas: Schemas): fc.Arbitrary<string> {
  const given = all.filter((one) => one.in === "query");
  const fitting = fc.record(
    Object.fromEntries(
      given.map((one) => [one.name, valueOf(one.schema, schemas, (name) => known[name] ?? [], one.name)]),
    ),
    { requiredKeys: given.filter((one) => one.required).map((one) => one.name) },
  );
  const names = [...given.map((one) => one.name), "unknown"];
  const odd = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("-1", "1e9", "null", "true", "")),
    { maxKeys: 3 },
  );
  return fc.oneof({ weight: 3, arbitrary: fitting }, odd).map((query) => {
    const text = Object.entries(query).map(
      ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value).toWellFormed())}`,
    );
    return text.length === 0 ? "" : `?${text.join("&")}`;
  });
}

function headersOf(all: readonly Parameter[], schemas: Schemas): fc.Arbitrary<Readonly<Record<string, string>>> {
  const given = all.filter((one) => one.in === "header");
  const printed = fc.string({ minLength: 1, maxLength: 30 });
  return fc
    .record(
      Object.fromEntries(
        given.map((one) => [
          one.name.toLowerCase(),
          fc.oneof(
            valueOf(one.schema, schemas, () => [])
              .map(String)
              .filter((text) => /^[\x20-\x7e]*$/.test(text)),
            printed,
          ),
        ]),
      ),
      { requiredKeys: [] },
    )
    .map((headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])));
}

interface Body {
  readonly bytes: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly about: string;
  /** whatever the route, it is not what it takes */
  readonly isRefused: boolean;
}

const none: Body = { bytes: undefined, headers: {}, about: "no body", isRefused: false };

function bodyOf(schema: Schema, schemas: Schemas, isCostly: boolean): fc.Arbitrary<Body> {
  const fitting = valueOf(schema, schemas, (name) => known[name] ?? []);
  const json = (value: unknown, about: string, isRefused: boolean): Body => ({
    bytes: Buffer.from(JSON.stringify(value).toWellFormed()),
    headers: { "content-type": "application/json" },
    about,
    isRefused,
  });
  const extended = fitting.map((value) => json({ ...asObject(value), "not a member": 1 }, "unknown member", true));
  const broken = fc
    .constantFrom<[string, Buffer]>(
      ["no JSON", Buffer.from("{")],
      ["an array", Buffer.from("[]")],
      ["null", Buffer.from("null")],
      ["a text", Buffer.from('"text"')],
      ["no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
      ["too large", Buffer.from(`{"name":"${"x".repeat(9 * 1024 * 1024)}"}`)],
      ["deep", Buffer.from(`{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`)],
      ["a prototype", Buffer.from('{"__proto__":{"name":"shop"},"constructor":1}')],
      ["UTF-16", Buffer.from('{"name":"shop"}', "utf16le")],
    )
    .map(([about, bytes]): Body => ({
      bytes,
      headers: { "content-type": "application/json" },
      about,
      isRefused: true,
    }));
  const zipped = fitting.map((value): Body => ({
    ...json(value, "said to be gzip", isCostly),
    headers: { "content-encoding": "gzip" },
  }));
  const changed = fc.tuple(fitting, fc.jsonValue(), fc.nat()).map(([value, other, at]) => {
    const members = Object.keys(asObject(value));
    const name = members[at % Math.max(1, members.length)] ?? "x";
    return json({ ...asObject(value), [name]: other }, `${name} is something else`, false);
  });
  if (isCostly) return fc.oneof(extended, broken);
  const plain = fitting.map((value) => json(value, "fits", false));
  return fc.oneof({ weight: 4, arbitrary: plain }, { weight: 2, arbitrary: changed }, extended, broken, zipped);
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
