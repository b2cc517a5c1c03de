/**
 * JSON Schema as the OpenAPI document uses it: values that fit, made by fast-check, and what does not fit in a value. Answers
 * are looked at strictly: a member that the document does not name is a problem. Used by the contract test.
 */
import fc from "fast-check";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly propertyNames?: Schema;
}
export type Schemas = Readonly<Record<string, Schema>>;

/** Names that mean something to the agent, beside any other. */
export type Likely = (name: string) => readonly unknown[];

export function valueOf(schema: Schema, schemas: Schemas, likely: Likely, name = ""): fc.Arbitrary<unknown> {
  const inner = (other: Schema, as = name): fc.Arbitrary<unknown> => valueOf(other, schemas, likely, as);
  if (schema.$ref !== undefined) return inner(named(schema.$ref, schemas));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return fc.oneof(...either.map((one) => inner(one)));
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  if (types.length === 0) return fc.jsonValue();
  return fc.oneof(...types.map((type) => plainValue(type, schema, inner, likely(name))));
}

type Inner = (schema: Schema, name?: string) => fc.Arbitrary<unknown>;

function plainValue(type: string, schema: Schema, inner: Inner, known: readonly unknown[]): fc.Arbitrary<unknown> {
  if (type === "null") return fc.constant(null);
  if (type === "boolean") return fc.boolean();
  if (type === "integer" || type === "number") return numberOf(type, schema);
  if (type === "array") return fc.array(inner(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) });
  if (type === "object") return objectOf(schema, inner);
  const any = schema.pattern === undefined ? odd(schema) : fc.stringMatching(new RegExp(schema.pattern));
  const fitting = known.filter((value) => typeof value === "string");
  return fitting.length === 0 ? any : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...fitting) }, any);
}

function numberOf(type: string, schema: Schema): fc.Arbitrary<number> {
  const min = schema.minimum ?? (schema.exclusiveMinimum === undefined ? -1e6 : schema.exclusiveMinimum + 1);
  const max = schema.maximum ?? Math.max(min, 1e12);
  const [least, most] = [Math.max(min, Number.MIN_SAFE_INTEGER), Math.min(max, Number.MAX_SAFE_INTEGER)];
  const whole = fc.oneof(fc.integer({ min: least, max: most }), fc.constantFrom(least, most));
  return type === "integer" ? whole : fc.oneof(whole, fc.double({ min: least, max: most, noNaN: true }));
}

function odd({ minLength = 0, maxLength = 60 }: Schema): fc.Arbitrary<string> {
  const length = { minLength, maxLength: Math.min(maxLength, 300) };
  return fc.oneof(
    fc.string({ ...length, unit: "grapheme" }),
    fc.string({ ...length, unit: "binary" }),
    fc.string(length),
  );
}

function objectOf(schema: Schema, inner: Inner): fc.Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema;
  if (properties === undefined) {
    const values = typeof additionalProperties === "object" ? inner(additionalProperties) : fc.jsonValue();
    const keys = schema.propertyNames === undefined ? fc.string() : inner(schema.propertyNames);
    return fc.dictionary(keys.map(String), values, { maxKeys: 3 });
  }
  const members = Object.entries(properties).map(([name, member]) => [name, inner(member, name)]);
  const model: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(members);
  return fc.record(model, { requiredKeys: [...required] });
}

/** What does not fit, each with its place; empty: it fits. */
export function misfits(schema: Schema, value: unknown, schemas: Schemas, at = "answer"): readonly string[] {
  if (schema.$ref !== undefined) return misfits(named(schema.$ref, schemas), value, schemas, at);
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) {
    const tries = either.map((one) => misfits(one, value, schemas, at));
    return tries.some((found) => found.length === 0) ? [] : (tries[0] ?? []);
  }
  if (schema.const !== undefined && schema.const !== value) return [`${at} is not ${JSON.stringify(schema.const)}`];
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${at} is none of ${JSON.stringify(schema.enum)}`];
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  if (types === undefined) return [];
  if (!types.some((type) => isOf(type, value)))
    return [`${at} is not ${types.join(" or ")}: ${JSON.stringify(value)?.slice(0, 80)}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => misfits(schema.items ?? {}, item, schemas, `${at}[${index}]`));
  return typeof value === "object" && value !== null ? membersMisfit(schema, value, schemas, at) : [];
}

function membersMisfit(schema: Schema, value: object, schemas: Schemas, at: string): readonly string[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const members = new Map<string, unknown>(Object.entries(value));
  const isOpen = additionalProperties !== undefined || schema.properties === undefined;
  return [
    ...required.filter((name) => !members.has(name)).map((name) => `${at}.${name} is missing`),
    ...[...members].flatMap(([name, member]) => {
      const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (own) return misfits(own, member, schemas, `${at}.${name}`);
      if (typeof additionalProperties === "object")
        return misfits(additionalProperties, member, schemas, `${at}.${name}`);
      return isOpen ? [] : [`${at}.${name} is not in the document`];
    }),
  ];
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function named(reference: string, schemas: Schemas): Schema {
  const found = schemas[reference.slice(reference.lastIndexOf("/") + 1)];
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return found;
}
