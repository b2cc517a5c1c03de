/** Client certificates for callers from other machines. */
import { z } from "zod";

import {
  createdCertificateSchema,
  userCertificateRequestSchema,
  userCertificateSchema,
  type CertificatesInstallation,
} from "../../contract/certificates.ts";
import { route } from "../route.ts";
import { noNetwork } from "./tokens.ts";

export const certificateRoutes = [
  route(
    "GET /v1/certificates",
    {
      id: "listCertificates",
      role: "admin",
      does: "Gives the certificates of people and programs.",
      answer: z.array(userCertificateSchema).readonly(),
    },
    async (_, { certificates }) => (await certificates?.list()) ?? [],
  ),
  route(
    "POST /v1/certificates",
    {
      id: "createCertificate",
      role: "admin",
      does: "Makes a certificate; its key is in this answer and nowhere else.",
      body: userCertificateRequestSchema,
      answer: createdCertificateSchema,
    },
    async ({ body, asked }, { certificates }) => several(certificates).create(body, asked),
  ),
  route(
    "DELETE /v1/certificates/:id",
    {
      id: "revokeCertificate",
      role: "admin",
      does: "Ends a certificate before its time.",
    },
    async ({ path }, { certificates }) => several(certificates).revoke(path.id),
  ),
];

/** @param certificates undefined in an installation on one machine: nobody calls it from elsewhere */
function several(certificates: CertificatesInstallation | undefined): CertificatesInstallation {
  if (certificates) return certificates;
  throw noNetwork("Certificates");
}
