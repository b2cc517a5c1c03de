/**
 * Which names clusters, databases and database users may have. Checked at the edges (command line, API), before a name
 * becomes a path, a port's label or part of a statement. Pure: each check answers with the reason why not, as a
 * sentence, or undefined when the name is fine.
 */

/** Long enough for people, short enough for a Unix socket's path and for a slot's name (63 bytes). */
export const clusterNameLengthMax = 40;
const clusterName = /^[a-z][a-z0-9-]*$/;

/** Identifiers of Postgres hold at most NAMEDATALEN - 1 bytes. Source: Postgres manual, 4.1.1. */
const identifierBytesMax = 63;

export function clusterNameProblem(name: string): string | undefined {
  if (name === "") return "A cluster's name cannot be empty.";
  if (name.length > clusterNameLengthMax)
    return `A cluster's name has at most ${clusterNameLengthMax} characters; this one has ${name.length}.`;
  if (!clusterName.test(name))
    return "A cluster's name begins with a lower-case letter and holds only lower-case letters, digits and hyphens.";
  if (name.endsWith("-")) return "A cluster's name cannot end with a hyphen.";
  return undefined;
}

/** A label of a DNS name, because it becomes one in certificates. */
export function hostNameProblem(name: string): string | undefined {
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return undefined;
  return "A host's name has up to 40 lower-case letters, digits and hyphens, and neither begins nor ends with a hyphen.";
}

/** Regions and zones are words of the user's. */
export function placeNameProblem(name: string): string | undefined {
  if (/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return undefined;
  return "A region or zone has up to 63 letters, digits and . _ - and begins with a letter or a digit.";
}

export function databaseNameProblem(name: string): string | undefined {
  return identifierProblem("database", name);
}

export function userNameProblem(name: string): string | undefined {
  const problem = identifierProblem("user", name);
  if (problem !== undefined) return problem;
  if (name.startsWith("pg_")) return 'Names that begin with "pg_" are reserved by Postgres.';
  if (name === "public" || name === "none") return `Postgres reserves the name "${name}".`;
  if (name === "matriarch" || name.startsWith("matriarch_"))
    return 'Names that begin with "matriarch" belong to Matriarch itself.';
  return undefined;
}

/** Of an application that is attached: what its database and its user are called by default. */
export function appNameProblem(name: string): string | undefined {
  return identifierProblem("application", name);
}

function identifierProblem(noun: string, name: string): string | undefined {
  if (name === "") return `${articleOf(noun)} ${noun}'s name cannot be empty.`;
  // Half a character would be written as another one.
  if (!name.isWellFormed()) return `${articleOf(noun)} ${noun}'s name must be well-formed text.`;
  if (/\p{Cc}/u.test(name)) return `${articleOf(noun)} ${noun}'s name cannot hold control characters.`;
  // In an address they mean another place.
  if (name === "." || name === "..") return `${articleOf(noun)} ${noun}'s name cannot be "." or "..".`;
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > identifierBytesMax)
    return `${articleOf(noun)} ${noun}'s name has at most ${identifierBytesMax} bytes; this one has ${bytes}.`;
  return undefined;
}

function articleOf(noun: string): string {
  return /^[aeio]/.test(noun) ? "An" : "A";
}
