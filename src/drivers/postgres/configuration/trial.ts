/**
 * A server is started with settings, on a copy of the template that is thrown away: what no single value shows (a
 * library that is missing, more memory than there is, values that do not go together) shows there, before any member's
 * files are touched. Single-user mode needs no port and loads what is to be preloaded. Called by installation/settings.
 */
import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { chown, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { asFullDisk, tellsNoRoom } from "../../../errors/full-disk.ts";
import { OpError } from "../../../errors/op-error.ts";
import { ownSettings } from "../session/session.ts";
import { tryTool } from "../engine/environment.ts";
import type { Settings } from "./defaults.ts";
import { readable, type ValidationContext } from "./validate.ts";
import { formatSettings } from "./write.ts";

/** One row of pg_settings, in base units. */
export const serverSettingSchema = z.object({
  name: z.string(),
  setting: z.string(),
  unit: z.string().nullable(),
  vartype: z.string(),
  context: z.string(),
  category: z.string(),
  min_val: z.string().nullable(),
  max_val: z.string().nullable(),
  enumvals: z.array(z.string()).nullable(),
  boot_val: z.string().nullable(),
  short_desc: z.string(),
});
export type ServerSetting = z.infer<typeof serverSettingSchema>;

export type Trial =
  | { readonly ok: true; readonly settings: readonly ServerSetting[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly words: string };

export const settingColumns =
  "name, setting, unit, vartype, context, category, min_val, max_val, enumvals, boot_val, short_desc";

const trialMs = 30_000;
const leftAfterMs = 10 * 60_000;
const prefix = "trial-";

/** What the server made of them, or its words when it did not start. */
export async function trySettings(settings: Settings, context: ValidationContext): Promise<Trial> {
  const { template, owner, signal } = context;
  const parent = dirname(template.directory);
  await removeLeft(parent);
  const directory = join(parent, `${prefix}${randomUUID()}`);
  try {
    await mkdir(directory, { mode: 0o700 });
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
    const data = join(directory, "data");
    await promisify(execFile)("cp", ["-a", "--reflink=auto", template.directory, data].filter(isForThisSystem), {
      signal,
      timeout: trialMs,
    });
    // Over the template's own file, whose owner and mode stay.
    await writeFile(join(data, "postgresql.conf"), formatSettings(settings));
    const answer = join(directory, "settings.json");
    const args = ["--single", "-D", data, ...sessionArguments(template.engine.major), "postgres"];
    const result = await tryTool(template.engine, "postgres", args, {
      owner,
      signal,
      timeoutMs: trialMs,
      input: copySettingsTo(answer),
    });
    const document = result.code === 0 ? await readFile(answer, "utf8").catch(() => undefined) : undefined;
    if (document === undefined && tellsNoRoom(result.stderr)) throw new Error(result.stderr);
    if (document === undefined) return { ok: false, words: complaintIn(result.stderr) };
    const rows = z.array(serverSettingSchema).parse(JSON.parse(document));
    const told = rows.filter(({ name }) => !isOfSession(name));
    return { ok: true, settings: told, warnings: warningsIn(result.stderr) };
  } catch (error) {
    throw asFullDisk(error) === undefined ? error : noRoomFor(dirname(parent), error);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function noRoomFor(home: string, cause: unknown): OpError {
  return new OpError("too-little-disk", {
    message: "there is no room to try the settings",
    detail: `They are tried on a copy of an empty database on the file system of "${home}". Nothing was changed.`,
    hint: "Free some room there and give the same command again.",
    cause,
  });
}

/** What would end our own question is not put to the trial: it says nothing of those (isOfSession). */
function sessionArguments(major: number): readonly string[] {
  const all = { ...ownSettings, ...(major >= 17 && { transaction_timeout: "0" }) };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Sessions of ours have it as they need it, whatever the files say. */
export function isOfSession(name: string): boolean {
  return ownSettings[name.toLowerCase()] !== undefined;
}

/** Why it did not start, without what else a server says at its end. */
function complaintIn(stderr: string): string {
  const grave = stderr.split("\n").filter((line) => /(FATAL|PANIC|ERROR|DETAIL|HINT): /.test(line));
  return readable(grave.length > 0 ? grave.join("\n") : stderr);
}

/** macOS knows no --reflink. */
function isForThisSystem(argument: string): boolean {
  return process.platform !== "darwin" || argument !== "--reflink=auto";
}

/** One document on one line: JSON escapes what a quote of CSV could be confused with. */
function copySettingsTo(path: string): string {
  const rows = `SELECT ${settingColumns} FROM pg_catalog.pg_settings`;
  const options = "FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01'";
  const quoted = path.replaceAll("'", "''");
  return `COPY (SELECT pg_catalog.jsonb_agg(s) FROM (${rows}) AS s) TO '${quoted}' WITH (${options})\n`;
}

/** Values of extensions are judged only once their library is loaded, and then ignored with a warning. */
function warningsIn(stderr: string): readonly string[] {
  return [...stderr.matchAll(/WARNING: {2}(.+)/g)].flatMap(([, words]) => words ?? []);
}

/** Of an agent that ended in the middle. */
async function removeLeft(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    const made = await stat(path).catch(() => undefined);
    if (made && Date.now() - made.mtimeMs > leftAfterMs) await rm(path, { recursive: true, force: true });
  }
}
