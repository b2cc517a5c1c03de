/** How the API says that something failed, the same for every route; the status is the catalog's. */
import { z } from "zod";

export const errorBodySchema = z.object({
  error: z.object({
    /** from the error catalog; a newer agent may know codes that a reader does not */
    code: z.string(),
    message: z.string(),
    detail: z.string().optional(),
    hint: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

// The command line may import only the contract.
export { roleHeader, userHeader } from "../domain/caller.ts";
/** Version of the agent, on every answer. */
export const versionHeader = "x-matriarch-version";
