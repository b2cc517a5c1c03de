/** Reads bodies and queries against the contract's schemas; every problem is told at once, with its path. */
import type { Context } from "hono";
import type { z } from "zod";

import { OpError } from "../errors/op-error.ts";

/** @throws OpError usage when it is no JSON, bad-value when it does not fit */
export async function readBody<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  return check(schema, await readJson(c), "body");
}

/** The body, unchecked; an empty one is `{}`. @throws OpError usage when it is no JSON */
export async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (cause) {
    const detail = `The parser says: ${cause instanceof Error ? cause.message : String(cause)}.`;
    throw new OpError("usage", { message: "the request's body is not JSON", detail, cause });
  }
}

/** @throws OpError bad-value */
export function readQuery<T extends z.ZodType>(c: Context, schema: T): z.output<T> {
  return check(schema, c.req.query(), "query");
}

/** @throws OpError bad-value */
export function check<T extends z.ZodType>(schema: T, value: unknown, where: "body" | "query"): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(describeIssue);
  throw new OpError("bad-value", {
    message:
      problems.length === 1
        ? `the request's ${where} is not valid`
        : `the request's ${where} has ${problems.length} problems`,
    detail: problems.join("\n"),
  });
}

function describeIssue(issue: z.core.$ZodIssue): readonly string[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `${path === "" ? key : `${path}.${key}`}: not a known key.`);
  return [`${path === "" ? "(top)" : path}: ${issue.message}.`];
}
