/**
 * Names and texts as parts of a statement, for the statements that take no parameters (CREATE ROLE, GRANT …). The only
 * place where they are quoted; whoever puts a name into SQL goes through here. Pure.
 */
import { escapeIdentifier, escapeLiteral } from "pg";

export function identifier(name: string): string {
  return escapeIdentifier(name);
}

export function literal(text: string): string {
  return escapeLiteral(text);
}
