/** Client certificates for callers from other machines. */
import { Hono } from "hono";

import { userCertificateRequestSchema, type CertificatesInstallation } from "../../contract/certificates.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";
import { noNetwork } from "./tokens.ts";

/** @param certificates undefined in an installation on one machine: nobody calls it from elsewhere */
export function certificateRoutes(certificates: CertificatesInstallation | undefined): Hono {
  return new Hono()
    .get("/", async (c) => c.json((await certificates?.list()) ?? []))
    .post("/", async (c) =>
      c.json(await several(certificates).create(await readBody(c, userCertificateRequestSchema), asked(c))),
    )
    .delete("/:id", async (c) => {
      await several(certificates).revoke(c.req.param("id"));
      return c.json({});
    });
}

function several(certificates: CertificatesInstallation | undefined): CertificatesInstallation {
  if (certificates) return certificates;
  throw noNetwork("Certificates");
}
