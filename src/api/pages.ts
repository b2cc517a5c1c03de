/**
 * Pages of lists: an answer that has more before it names the next page in a `Link` header (RFC 8288, rel="next"), and
 * documents stay plain lists. A cursor is the place at which a page ended, so that nothing is passed over or told twice
 * when something happens meanwhile. Called by the routes that list.
 */
import type { Context } from "hono";

import { OpError } from "../errors/op-error.ts";

/** Also for programs that do not read `Link`. */
const cursorHeader = "x-next-cursor";

/** @param cursor of the last of this page; undefined: there is no other */
export function nameNextPage(c: Context, cursor: string | undefined): void {
  if (cursor === undefined) return;
  const { pathname, searchParams } = new URL(c.req.url);
  searchParams.set("cursor", cursor);
  c.header("link", `<${pathname}?${searchParams.toString()}>; rel="next"`);
  c.header(cursorHeader, cursor);
}

export function placeOf(at: string, id: string | number): string {
  return `${Date.parse(at)}.${id}`;
}

/** @throws OpError bad-value */
export function readPlace(cursor: string): { readonly at: number; readonly id: string } {
  const [, at, id] = /^(\d{1,15})\.([\w-]{1,64})$/.exec(cursor) ?? [];
  if (at !== undefined && id !== undefined) return { at: Number(at), id };
  throw notACursor();
}

/** @throws OpError bad-value */
export function readEventPlace(cursor: string): { readonly at: number; readonly id: number } {
  const { at, id } = readPlace(cursor);
  if (/^\d{1,15}$/.test(id)) return { at, id: Number(id) };
  throw notACursor();
}

function notACursor(): OpError {
  return new OpError("bad-value", {
    message: "the request's query is not valid",
    detail: "cursor: it is no cursor that an answer gave.",
  });
}
