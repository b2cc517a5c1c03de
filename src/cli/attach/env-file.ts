/**
 * The file that an application reads its environment from: looked at before anything is made, changed in one step, and
 * from then on readable by its owner alone. Called by attach.ts and detach.ts.
 */
import { chown, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { OpError } from "../../errors/op-error.ts";
import { setVariable, spansLines, strangeLine, unsetVariable, type Owner } from "./env-text.ts";

export interface EnvFile {
  /** absolute, symbolic links followed */
  readonly path: string;
  readonly text: string;
}

/** @throws OpError variable-taken when it cannot be read, or cannot be written beside */
export async function openEnvFile(given: string): Promise<EnvFile> {
  const path = await followed(resolve(given));
  const found = await stat(path).catch((error: unknown) => (isCode(error, "ENOENT") ? undefined : refuse(path, error)));
  if (found && !found.isFile())
    throw new OpError("variable-taken", { message: `"${path}" is no file`, hint: "Name one with --env-file." });
  const text = found ? await readFile(path, "utf8").catch((error: unknown) => refuse(path, error)) : "";
  // What is to be written later must be possible now.
  const trial = temporaryFor(path);
  await write(trial, "").catch((error: unknown) => refuse(path, error));
  await rm(trial, { force: true });
  return { path, text };
}

/** The line that somebody else wrote, to be asked about. @throws OpError variable-taken when it cannot be put aside */
export function takenBy({ path, text }: EnvFile, owner: Owner, variable: string): string | undefined {
  const line = strangeLine(text, owner, variable);
  if (line === undefined || !spansLines(line)) return line;
  throw new OpError("variable-taken", {
    message: `${variable} in "${path}" has a value of several lines`,
    detail: "It cannot be put aside as a comment.",
    hint: "Choose another name with --variable, or take it out by hand.",
  });
}

export function setInFile(file: EnvFile, owner: Owner, variable: string, value: string): Promise<void> {
  return change(file.path, (text) => setVariable(text, owner, variable, value));
}

/** @returns false when there was nothing of `owner` in it. A file that has nothing else is removed. */
export async function unsetInFile(path: string, owner: Owner): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined || unsetVariable(text, owner) === undefined) return false;
  await change(path, (now) => unsetVariable(now, owner) ?? now);
  if ((await stat(path)).size === 0) await rm(path);
  return true;
}

const tries = 5;

/** In one step: a reader sees the old file or the new one. Begins anew when somebody else changed it meanwhile. */
async function change(path: string, to: (text: string) => string): Promise<void> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const before = await readText(path);
    const temporary = temporaryFor(path);
    try {
      await write(temporary, to(before ?? ""));
      await keepOwner(path, temporary);
      if ((await readText(path)) !== before) continue;
      await rename(temporary, path);
      return;
    } catch (error) {
      refuse(path, error);
    } finally {
      await rm(temporary, { force: true });
    }
  }
  throw new OpError("variable-taken", {
    message: `"${path}" keeps being changed by somebody else`,
    hint: "Try again.",
  });
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: unknown) => (isCode(error, "ENOENT") ? undefined : refuse(path, error)));
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Root edits the files of others, who must be able to read them afterwards. */
async function keepOwner(path: string, temporary: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found && process.getuid?.() === 0) await chown(temporary, found.uid, found.gid);
}

function temporaryFor(path: string): string {
  return join(dirname(path), `.matriarch-env-${process.pid}`);
}

/** A link stays one: what it leads to is changed. */
async function followed(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined) return real;
  const parent = await realpath(dirname(path)).catch((error: unknown) => refuse(path, error));
  return join(parent, path.slice(dirname(path).length).replace(/^\/+/, ""));
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function refuse(path: string, cause: unknown): never {
  if (cause instanceof OpError) throw cause;
  throw new OpError("variable-taken", {
    message: `"${path}" cannot be used as the application's environment`,
    detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
    hint: "Name another file with --env-file.",
    cause,
  });
}
