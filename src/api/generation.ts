/** `If-Match`: a change is refused when the cluster is of another generation than the one it was made for. Called by server.ts. */
import type { MiddlewareHandler } from "hono";

import type { Installation } from "../contract/installation.ts";
import { OpError } from "../errors/op-error.ts";
import type { ApiEnv } from "./access/caller.ts";

const form = /^(?:W\/)?"(\d{1,15})"$|^(\d{1,15})$/;

export function expectGeneration(installation: Pick<Installation, "expecting">): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const wanted = c.req.header("if-match");
    const cluster = c.req.param("cluster");
    if (wanted === undefined || wanted === "*" || cluster === undefined) return next();
    const found = form.exec(wanted.trim());
    if (!found) {
      throw new OpError("usage", {
        message: "the If-Match header cannot be read",
        detail: 'It is the generation of the cluster, as its status has it: If-Match: "7".',
      });
    }
    await installation.expecting(cluster, Number(found[1] ?? found[2]), async () => {
      await next();
      // Thrown inside, so that what a route refuses is told in the usual way.
      if (c.error?.name === "OpError" && c.error instanceof OpError && c.error.code === "generation-changed")
        throw c.error;
    });
  };
}
