/**
 * Opens the sessions that it is told of on stdin, says so with a line, then one more for each that ends. Started by
 * sessions.ts in the client's namespace; ends with the last of them.
 */
import { text } from "node:stream/consumers";
import { Client } from "pg";
import type { Ended, HeldSession } from "./sessions.ts";

const sessions: Readonly<Record<string, HeldSession>> = JSON.parse(await text(process.stdin));
const opened = await Promise.all(Object.entries(sessions).map(([name, session]) => open(name, session)));
process.stdout.write("open\n");
for (const begin of opened) begin();

async function open(name: string, { target, first, then }: HeldSession): Promise<() => void> {
  const client = new Client(target);
  let told = "";
  client.on("error", (error) => (told ||= error.message));
  client.on("end", () => say({ name, at: Date.now(), told }));
  await client.connect();
  for (const statement of first) await client.query(statement);
  return () => {
    if (then !== undefined) client.query(then).catch((error: unknown) => (told ||= String(error)));
  };
}

function say(ended: Ended): void {
  process.stdout.write(`${JSON.stringify(ended)}\n`);
}
