/**
 * The error that ends a Postgres connection, as router and relay write it when there is no server to do so. Pure; its
 * wording and SQLSTATE follow Postgres.
 */

export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** An ErrorResponse of severity FATAL. */
export function formatFatal(error: ErrorFields): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${error.code}`, `M${error.message}`];
  if (error.detail !== undefined) fields.push(`D${error.detail}`);
  if (error.hint !== undefined) fields.push(`H${error.hint}`);
  const body = Buffer.from(`${fields.map((field) => field.replaceAll("\0", " ")).join("\0")}\0\0`);
  const message = Buffer.alloc(5 + body.length);
  message.write("E", 0, "latin1");
  message.writeUInt32BE(4 + body.length, 1);
  body.copy(message, 5);
  return message;
}
