/**
 * What a host knows of a cluster's repositories, with their secrets: one file of mode 0600 that belongs to the agent.
 * It outlives the cluster, so that its backups can be restored when nothing else of it is left. Never sent anywhere but
 * to the installation's other agents.
 */
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { BackupPolicy, RepositoryNumber } from "../../domain/backup.ts";
import { clusterNameProblem } from "../../domain/names.ts";
import { OpError } from "../../errors/op-error.ts";
import { writeOwn } from "./owned.ts";
import { bookFile, configDirectory, placeOf, runDirectory, type BackupPlaces } from "./places.ts";
import {
  policySchema,
  repositorySchema,
  type RepositoryCredentials,
  type RepositorySecrets,
  type Stanza,
} from "./port.ts";

const text = z.string().min(1);

const credentialsSchema: z.ZodType<RepositoryCredentials> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("keys"), key: text, secret: text, token: text.exactOptional() }),
  z.strictObject({ kind: z.literal("machine") }),
  z.strictObject({ kind: z.literal("azure-key"), key: text }),
  z.strictObject({ kind: z.literal("azure-sas"), token: text }),
  z.strictObject({ kind: z.literal("gcs-account"), json: text }),
  z.strictObject({ kind: z.literal("private-key"), key: text }),
]);

const secretsSchema: z.ZodType<RepositorySecrets> = z.strictObject({
  id: text,
  key: text.exactOptional(),
  credentials: credentialsSchema,
  authorities: text.exactOptional(),
});

export const bookSchema: z.ZodType<RepositoryBook> = z.strictObject({
  cluster: text,
  name: text,
  systemIdentifier: text,
  major: z.int(),
  policy: policySchema,
  repositories: z.array(repositorySchema),
  secrets: z.array(secretsSchema),
  fresh: z.array(z.union([z.literal(1), z.literal(2)])).exactOptional(),
});

export interface RepositoryBook extends Stanza {
  readonly systemIdentifier: string;
  readonly major: number;
  readonly policy: BackupPolicy;
  /** those being enabled in which there was nothing: what is in them now is of that, and goes when it fails */
  readonly fresh?: readonly RepositoryNumber[];
}

/** undefined when this host knows of none */
export async function readBook(places: BackupPlaces, cluster: string): Promise<RepositoryBook | undefined> {
  // No cluster is called so: it would be a path elsewhere.
  if (clusterNameProblem(cluster) !== undefined) return undefined;
  const found = await readFile(bookFile(places, cluster), "utf8").catch(() => undefined);
  if (found === undefined) return undefined;
  const parsed = bookSchema.safeParse(JSON.parse(found));
  if (parsed.success) return parsed.data;
  // What does not fit may hold secrets: only where it lies is told.
  throw new OpError("backup-secrets-missing", {
    message: `what this host knows of the repositories of "${cluster}" cannot be read`,
    detail: bookFile(places, cluster),
    hint: `Give them again: matriarch backup enable ${cluster}`,
  });
}

export async function writeBook(places: BackupPlaces, book: RepositoryBook): Promise<void> {
  await mkdir(placeOf(places, book.cluster), { recursive: true, mode: 0o755 });
  await chmod(join(places.home, "backups"), 0o755);
  await chmod(placeOf(places, book.cluster), 0o755);
  const path = bookFile(places, book.cluster);
  await writeFile(`${path}.new`, `${JSON.stringify(book, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** From now on it is all that is known: what it does not name goes from this host, configuration and secrets alike. */
export async function keepBook(places: BackupPlaces, book: RepositoryBook): Promise<void> {
  if (book.repositories.length === 0) return await forgetBook(places, book.cluster);
  await writeBook(places, book);
  const kept = new Set(book.repositories.map(({ number }) => String(number)));
  const isKept = (name: string): boolean => kept.has(/^repo(\d)\b/.exec(name)?.[1] ?? "") || !/^repo\d\b/.test(name);
  const directory = configDirectory(places, book.cluster);
  for (const file of await readdir(directory).catch(() => [])) {
    const path = join(directory, file);
    if (!isKept(file)) await rm(path, { force: true });
    else if (file.endsWith(".conf")) await keepLines(path, isKept);
  }
}

/** A server may be reading it: it is whole at any time. */
async function keepLines(path: string, isKept: (line: string) => boolean): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  const owner = await stat(path).catch(() => undefined);
  if (text === undefined || owner === undefined) return;
  await writeOwn(path, text.split("\n").filter(isKept).join("\n"), owner);
}

/** Nothing of it stays on this host. What is in the repositories is left alone. */
export async function forgetBook(places: BackupPlaces, cluster: string): Promise<void> {
  await rm(placeOf(places, cluster), { recursive: true, force: true });
}

/**
 * The cluster is gone: what its servers used goes, and the keys that the user did not leave here.
 * @returns what is kept; undefined when nothing was known
 */
export async function closeBook(places: BackupPlaces, cluster: string): Promise<RepositoryBook | undefined> {
  const book = await readBook(places, cluster).catch(() => undefined);
  await rm(configDirectory(places, cluster), { recursive: true, force: true });
  await rm(runDirectory(places, cluster), { recursive: true, force: true });
  if (!book) return undefined;
  const isKept = (id: string): boolean => book.repositories.some(({ secrets, escrow }) => secrets === id && escrow);
  const secrets = book.secrets.map(({ key, ...rest }) => ({
    ...rest,
    ...(key !== undefined && isKept(rest.id) ? { key } : {}),
  }));
  const kept = { ...book, secrets };
  await writeBook(places, kept);
  return kept;
}
