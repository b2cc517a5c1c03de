/** Tokens for callers from other machines. */
import { Hono } from "hono";

import { tokenRequestSchema, type TokensInstallation } from "../../contract/tokens.ts";
import { OpError } from "../../errors/op-error.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";

/** @param tokens undefined in an installation on one machine: nobody calls it from elsewhere */
export function tokenRoutes(tokens: TokensInstallation | undefined): Hono {
  return new Hono()
    .get("/", async (c) => c.json((await tokens?.list()) ?? []))
    .post("/", async (c) => c.json(await several(tokens).create(await readBody(c, tokenRequestSchema), asked(c))))
    .delete("/:id", async (c) => {
      await several(tokens).revoke(c.req.param("id"));
      return c.json({});
    });
}

function several(tokens: TokensInstallation | undefined): TokensInstallation {
  if (tokens) return tokens;
  throw noNetwork("Tokens");
}

/** @param what "Tokens" or "Certificates" */
export function noNetwork(what: string): OpError {
  return new OpError("not-supported", {
    message: "this installation is on one machine and listens on no network",
    detail: `${what} are for callers from other machines.`,
    hint: "An installation over several hosts begins with: matriarch host init",
  });
}
