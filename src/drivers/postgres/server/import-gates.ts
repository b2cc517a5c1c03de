/**
 * The file that lets a member's server follow the source of a live import: its password, beside the data directory, so
 * that no copy of the directory has it. Only the primary of the epoch that looked after the source's slot has one; the
 * subscriptions name it relative to their server's directory. A standby never has one: it may be promoted at any moment,
 * and must not follow before the slot was put back to what this server has.
 */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ServerOwner } from "../port.ts";
import { writeOwnedFile } from "./owned-files.ts";

const gateName = /^import-.*\.pass$/;

function nameOf(subscription: string): string {
  return `import-${subscription}.pass`;
}

/** As libpq in the server finds it: it works in the data directory. */
export function gatePath(subscription: string): string {
  return `../${nameOf(subscription)}`;
}

export async function openGate(
  { dataDirectory, owner }: { readonly dataDirectory: string; readonly owner: ServerOwner | undefined },
  subscription: string,
  password: string,
): Promise<void> {
  // Source: Postgres manual, "The Password File".
  const line = `*:*:*:*:${password.replaceAll(/[\\:]/g, String.raw`\$&`)}\n`;
  await writeOwnedFile(join(dirname(dataDirectory), nameOf(subscription)), line, owner);
}

export async function closeGate(dataDirectory: string, subscription: string): Promise<void> {
  await rm(join(dirname(dataDirectory), nameOf(subscription)), { force: true });
}

/** Called before a standby starts. */
export async function closeGates(dataDirectory: string): Promise<void> {
  const names = await readdir(dirname(dataDirectory)).catch(() => []);
  for (const name of names.filter((found) => gateName.test(found)))
    await rm(join(dirname(dataDirectory), name), { force: true });
}

export async function isGateOpen(dataDirectory: string, subscription: string): Promise<boolean> {
  const names: readonly string[] = await readdir(dirname(dataDirectory)).catch(() => []);
  return names.includes(nameOf(subscription));
}
