/**
 * The drains of this host in a file that only the agent reads, for it has the receivers' tokens; and the token of a drain
 * for another host that lacks it. Tokens go from agent to agent over mutual TLS, and are in no store.
 */
import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { drainTokenAnswerSchema, type DrainTokenAnswer, type DrainTokenRequest } from "../../contract/peer.ts";
import type { Drain, DrainEntry } from "../../domain/drain.ts";
import type { Parts } from "../parts.ts";

const askMs = 5000;

export function drainsDirectory(home: string): string {
  return join(home, "drains");
}

export function readKept(home: string): readonly Drain[] {
  try {
    const kept: readonly Drain[] = JSON.parse(readFileSync(fileOf(home), "utf8"));
    return kept;
  } catch {
    return [];
  }
}

export async function writeKept(home: string, drains: readonly Drain[]): Promise<void> {
  await mkdir(drainsDirectory(home), { recursive: true, mode: 0o700 });
  await writeFile(`${fileOf(home)}.new`, JSON.stringify(drains), { mode: 0o600 });
  await rename(`${fileOf(home)}.new`, fileOf(home));
}

/** What another host asks. */
export async function tokenOf(home: string, { id, version }: DrainTokenRequest): Promise<DrainTokenAnswer> {
  const drain = readKept(home).find((one) => one.id === id && one.version === version);
  return { token: drain?.token ?? null };
}

/** @returns undefined: no host that answers has it */
export async function fetchToken({ hosts }: Parts, { id, version }: DrainEntry): Promise<string | undefined> {
  const others = hosts.all().filter(({ name }) => name !== hosts.self?.name && hosts.isHeard(name));
  const call = { method: "POST", path: "/v1/peer/drain-token", body: { id, version }, deadlineMs: askMs } as const;
  const answers = await Promise.all(others.map(({ name }) => hosts.call(name, call).catch(() => undefined)));
  for (const answer of answers) {
    const { data } = drainTokenAnswerSchema.safeParse(answer);
    if (data?.token) return data.token;
  }
  return undefined;
}

function fileOf(home: string): string {
  return join(drainsDirectory(home), "drains.json");
}
