/** How one check ended. Pure; shared by the checks of every import and those of a live one. */
import type { ImportCheck } from "../../contract/imports.ts";

export function ok(name: string, text: string): ImportCheck {
  return { name, outcome: "ok", text };
}

export function note(name: string, text: string): ImportCheck {
  return { name, outcome: "note", text };
}

export function failed(name: string, text: string, hint?: string): ImportCheck {
  return { name, outcome: "failed", text, ...(hint === undefined ? {} : { hint }) };
}

export function quotedList(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** Five of them, and how many more. */
export function some(names: readonly string[]): string {
  const first = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}
