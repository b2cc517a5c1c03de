/** Tokens for callers from other machines. */
import { z } from "zod";

import { createdTokenSchema, tokenRequestSchema, tokenSchema, type TokensInstallation } from "../../contract/tokens.ts";
import { OpError } from "../../errors/op-error.ts";
import { route } from "../route.ts";

export const tokenRoutes = [
  route(
    "GET /v1/tokens",
    {
      id: "listTokens",
      role: "admin",
      does: "Gives the tokens, without their secrets.",
      answer: z.array(tokenSchema).readonly(),
    },
    async (_, { tokens }) => (await tokens?.list()) ?? [],
  ),
  route(
    "POST /v1/tokens",
    {
      id: "createToken",
      role: "admin",
      does: "Makes a token; it is in this answer and in no later one.",
      body: tokenRequestSchema,
      answer: createdTokenSchema,
    },
    async ({ body, asked }, { tokens }) => several(tokens).create(body, asked),
  ),
  route(
    "DELETE /v1/tokens/:id",
    {
      id: "revokeToken",
      role: "admin",
      does: "Ends a token.",
    },
    async ({ path }, { tokens }) => several(tokens).revoke(path.id),
  ),
];

/** @param tokens undefined in an installation on one machine: nobody calls it from elsewhere */
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
