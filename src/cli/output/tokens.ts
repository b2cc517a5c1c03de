/** Tokens as a table, and a new one with the only sight of its secret. */
import { formatMoment } from "../../contract/moment.ts";
import type { CreatedToken, Token } from "../../contract/tokens.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const columns: readonly Column<Token>[] = [
  { heading: "ID", cell: ({ id }) => id },
  { heading: "NAME", cell: ({ name }) => name },
  { heading: "ROLE", cell: ({ role }) => role },
  { heading: "MADE BY", cell: ({ created_by }) => created_by },
  {
    heading: "EXPIRES",
    cell: ({ expires_at, expired }) =>
      expired ? { text: "expired", tone: "bad" } : expires_at === null ? "never" : formatMoment(Date.parse(expires_at)),
  },
];

export function renderTokens(tokens: readonly Token[], paint: Paint): string {
  return tokens.length === 0 ? "There are no tokens." : renderTable(columns, tokens, paint);
}

export function renderCreatedToken({ id, name, role, expires_at, token }: CreatedToken): string {
  const until = expires_at === null ? "until it is revoked" : `until ${formatMoment(Date.parse(expires_at))}`;
  return `${token}

This token of ${role} "${name}" is shown only now, and is good ${until}.
Keep it in a file of mode 600. It ends with: matriarch token revoke ${id}`;
}
