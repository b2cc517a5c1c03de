/**
 * Who asked, for the audit. The socket can be opened only by its owner and root, so the name that the client sends is
 * trusted as far as these two trust themselves; it is cleaned, so that it cannot forge a line of a log.
 */
import type { Context } from "hono";

import { userHeader } from "../contract/error.ts";
import type { Asked } from "../contract/installation.ts";

export function asked(c: Context): Asked {
  const name = (c.req.header(userHeader) ?? "").replaceAll(/[^\w.@-]/g, "").slice(0, 64);
  return { by: name === "" ? "unknown" : name };
}
