/** Users' certificates as a table, and what to do with a new one. */
import { formatMoment } from "../../contract/moment.ts";
import type { CreatedCertificate, UserCertificate } from "../../contract/certificates.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const columns: readonly Column<UserCertificate>[] = [
  { heading: "ID", cell: ({ id }) => id },
  { heading: "NAME", cell: ({ name }) => name },
  { heading: "ROLE", cell: ({ role }) => role },
  { heading: "MADE BY", cell: ({ created_by }) => created_by },
  {
    heading: "EXPIRES",
    cell: ({ expires_at, expired }) =>
      expired ? { text: "expired", tone: "bad" } : formatMoment(Date.parse(expires_at)),
  },
];

export function renderCertificates(certificates: readonly UserCertificate[], paint: Paint): string {
  return certificates.length === 0 ? "There are no certificates of users." : renderTable(columns, certificates, paint);
}

interface Files {
  readonly cert_file: string;
  readonly key_file: string;
  readonly ca_file: string;
}

export function renderCreatedCertificate(
  { id, name, role, expires_at, hosts }: CreatedCertificate,
  { cert_file, key_file, ca_file }: Files,
): string {
  return `Certificate of ${role} "${name}", good until ${formatMoment(Date.parse(expires_at))}:
certificate  ${cert_file}
key          ${key_file}  (for nobody else to read; there is no other copy)
authority    ${ca_file}

With these files on the machine that is to use it:

matriarch context add prod --host ${hosts.join(",")} --ca-file ${ca_file} --cert ${cert_file} --key ${key_file}

It ends earlier with: matriarch certificate revoke ${id}`;
}
