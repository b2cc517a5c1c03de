/** The contract's schemas as JSON Schema, each that has a name once. Used by document.ts. */
import { z } from "zod";

import { nameSchemas } from "./names.ts";

type Direction = "input" | "output";

const at = (name: string): string => `#/components/schemas/${name}`;

export class Schemas {
  readonly #names = nameSchemas();
  readonly #found = new Map<string, unknown>();

  /** As it is sent to the agent. */
  request(schema: z.ZodType): unknown {
    return this.#shapeOf(schema, "input");
  }

  /** As the agent answers: a newer one may say more than the document does. */
  answer(schema: z.ZodType): unknown {
    return this.#shapeOf(schema, "output");
  }

  /** The members of a query. */
  parameters(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
    return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  }

  /** Those that were used, by name. */
  named(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #shapeOf(schema: z.ZodType, io: Direction): unknown {
    const registry = z.registry<{ id: string }>();
    for (const [named, name] of this.#names) registry.add(named, { id: nameFor(name, io) });
    // Inside an object, so that one that has a name is treated as any other that is spoken of.
    const { $defs = {}, properties } = z.toJSONSchema(z.object({ it: schema }), {
      io,
      metadata: registry,
      unrepresentable: "any",
      override: ({ jsonSchema }) => {
        delete jsonSchema.id;
        if (io === "output") loosen(jsonSchema);
      },
    });
    for (const [name, definition] of Object.entries($defs)) this.#keep(name, definition);
    return pointed(properties?.["it"] ?? {});
  }

  /** One name is one shape, whichever routes speak of it. */
  #keep(name: string, definition: unknown): void {
    const shape = pointed(definition);
    const before = this.#found.get(name);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(shape))
      throw new Error(`${name} is one thing in a request and another in an answer`);
    this.#found.set(name, shape);
  }
}

/** What an agent of a newer version may add, and bounds that only say what JavaScript can count. */
function loosen(jsonSchema: z.core.JSONSchema.BaseSchema): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** What is sent may leave out what an answer always has. */
function nameFor(name: string, io: Direction): string {
  return io === "output" || name.endsWith("Request") ? name : `${name}Input`;
}

/** With references as the document has them. */
function pointed(shape: unknown): unknown {
  return JSON.parse(JSON.stringify(shape).replaceAll('"#/$defs/', `"${at("")}`));
}
