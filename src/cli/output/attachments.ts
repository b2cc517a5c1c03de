/** What attach says at the end, and attached applications as a table. */
import type { Attached } from "../../contract/accounts.ts";
import type { AttachmentStatus } from "../../contract/attachment.ts";
import { shellWord } from "../../contract/shell-word.ts";
import { previousWords } from "./accounts.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Cell, type Column } from "./table.ts";

interface How {
  /** the URI has its password, and was handed over in no other way */
  readonly isShown: boolean;
  /** it was attached already */
  readonly isRotated: boolean;
}

export function renderAttached(cluster: string, made: Attached, { isShown, isRotated }: How, paint: Paint): string {
  const { app, user, database, role, variable, env_file: file } = made.attachment;
  const head = `${paint("good", isRotated ? "New password of" : "Attached")} ${paint("strong", app)}: user "${user}" is ${article(role)} ${role}${role === "superuser" ? ", with" : " of"} database "${database}"`;
  const previous = previousWords(made.previous_until);
  const where = isShown
    ? `  ${variable}=${made.connection.uri}\nThe password is shown only now; "matriarch attach ${cluster} --app ${shellWord(app)} --rotate" makes a new one.`
    : file
      ? `${variable} is in ${file.path}`
      : `${variable} was handed to the command`;
  return [head, where, ...previous].join("\n");
}

function article(role: string): string {
  return role === "owner" ? "an" : "a";
}

const columns: readonly Column<AttachmentStatus>[] = [
  { heading: "APP", cell: ({ app }) => app },
  { heading: "DATABASE", cell: ({ database }) => database },
  { heading: "USER", cell: ({ user }) => user },
  { heading: "ROLE", cell: ({ role }) => role },
  { heading: "STATE", cell: stateCell },
  { heading: "VARIABLE", cell: ({ variable, env_file: file }) => (file ? `${variable} in ${file.path}` : variable) },
];

function stateCell({ state }: AttachmentStatus): Cell {
  switch (state) {
    case "attached":
      return { text: state, tone: "good" };
    case "making":
    case "made":
      return { text: "half attached: attach again", tone: "warn" };
    case "detaching":
      return { text: "half detached: detach again", tone: "warn" };
  }
}

export function renderAttachments(attachments: readonly AttachmentStatus[], paint: Paint): string {
  return renderTable(columns, attachments, paint);
}
