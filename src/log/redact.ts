/**
 * The last net against secrets in what is kept or shown: events, operations, logs. Secrets are not passed there in the
 * first place; this catches those that hide in texts of others, e.g. in an error of a program. Pure.
 */

const masked = "***";

const patterns: readonly (readonly [RegExp, string])[] = [
  // postgresql://user:secret@host
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*):[^\s@]+@/gi, `$1:${masked}@`],
  // password=secret, password='secret', "password": "secret", PASSWORD 'secret', --password secret
  [
    /\b([a-z_]*(?:password|passwd|secret|token))("?\s*[=:]\s*|\s+)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?<=[=:]\s*|--\w+\s+)[^\s,;}'"]+)/gi,
    `$1$2${masked}`,
  ],
  [/SCRAM-SHA-256\$[^\s"']+/g, `SCRAM-SHA-256$$${masked}`],
  [/\bmd5[0-9a-f]{32}\b/g, `md5${masked}`],
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, `-----BEGIN $1-----${masked}`],
];

export function redact(text: string): string {
  return patterns.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}

/** Names of fields whose value is never shown. */
const secretName = /(password|passwd|secret|token|private_?key|verifier)$/i;

/** Every text in `value`, and the values of fields that are secret by their name. */
export function redactDeep(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map(redactDeep);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecret(name, inner) ? masked : redactDeep(inner)]),
  );
}

function isSecret(name: string, value: unknown): boolean {
  return secretName.test(name) && value !== null && typeof value !== "boolean";
}
