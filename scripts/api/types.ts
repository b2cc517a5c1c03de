/** JSON Schema as TypeScript: for the generated client and the page of the API. Used by scripts/api-pages.ts. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly default?: unknown;
  readonly [key: string]: unknown;
}

/** A declaration with a name. */
export function interfaceOf(name: string, schema: JsonSchema): string {
  if (schema.properties === undefined) return `export type ${name} = ${typeOf(schema)};`;
  return `export interface ${name} {\n${membersOf(schema, "  ")}}`;
}

export function typeOf(schema: JsonSchema, indent = ""): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return either.map((one) => typeOf(one, indent)).join(" | ");
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${typeOf(one, indent)})`).join(" & ");
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  if (types.length === 0) return "unknown";
  return types.map((type) => plainType(type, schema, indent)).join(" | ");
}

export function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function plainType(type: string, schema: JsonSchema, indent: string): string {
  if (type === "integer" || type === "number") return "number";
  if (type === "array") return arrayOf(typeOf(schema.items ?? {}, indent));
  if (type !== "object") return type;
  if (schema.properties !== undefined) return `{\n${membersOf(schema, `${indent}  `)}${indent}}`;
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  return schema.additionalProperties === false ? "Record<string, never>" : `Record<string, ${typeOf(values, indent)}>`;
}

function arrayOf(item: string): string {
  return /[|&]/.test(item) && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
}

function membersOf({ properties = {}, required = [] }: JsonSchema, indent: string): string {
  return Object.entries(properties)
    .map(([name, schema]) => {
      const isOptional = !required.includes(name);
      const type = typeOf(schema, indent);
      return `${indent}${memberName(name)}${isOptional ? "?" : ""}: ${type}${isOptional ? " | undefined" : ""};\n`;
    })
    .join("");
}

export function memberName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
