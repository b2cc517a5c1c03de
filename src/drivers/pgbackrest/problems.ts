/**
 * pgBackRest's words about a repository as a kind of problem and a line for a person. Pure. Its messages of HTTP errors
 * carry whole requests, and those of a wrong key whole garbage: neither goes further than here.
 */
import { OpError } from "../../errors/op-error.ts";
import { redact } from "../../log/redact.ts";
import type { RepositoryProblem } from "./port.ts";

const textMax = 300;

const kinds: readonly (readonly [kind: RepositoryProblem["kind"], pattern: RegExp, words?: string])[] = [
  ["no-stanza", /missing stanza (path|data)/, "there is nothing of this cluster in it"],
  ["full", /No space left on device|\[28\]|EntityTooLarge|QuotaExceeded|InsufficientStorage/, "it is full"],
  // Of a file system it does not say why.
  ["full", /unable to write '/, "it takes no more; most often it is full"],
  ["unreachable", /HostConnectError|unable to connect to|unable to get address|timeout after \d+ms/],
  ["unreachable", /unable to verify certificate|unable to find hostname .* in certificate/],
  ["unreachable", /ServiceError|\[5\d\d\]|failed with 5\d\d/],
  ["refused", /failed with 40[13]|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Permission denied|\[13\]/],
  ["refused", /failed with 404|NoSuchBucket|missing .* path/],
  [
    "wrong-key",
    /key\/value found outside of section|CryptoError|unable to flush|cipher header invalid/,
    "what is in it cannot be read with this key",
  ],
  ["damaged", /FormatError|ChecksumError|invalid checksum/],
];

export function problemOf(said: string): RepositoryProblem {
  // What a wrong key makes of a file is called a format error: it is looked for first.
  const [kind, pattern, words] = kinds.find(([, one]) => one.test(said)) ?? (["other"] as const);
  // The line that says it, and not the one that says what could not be done because of it.
  const line = pattern && said.split("\n").find((one) => pattern.test(one));
  const isRequest = line?.includes("HTTP request failed") === true;
  return { kind, text: words ?? firstWords(isRequest || line === undefined ? said : line) };
}

/** What it says was wrong, without its time stamps, and of an HTTP error the status and the storage's own words. */
export function firstWords(said: string): string {
  const [line = "it said nothing"] = errorLines(said);
  const http = /HTTP request failed with (\d+[^:\n]*)/.exec(said)?.[1];
  const code = /<Code>([\w.]+)<\/Code>/.exec(said)?.[1];
  const message = /<Message>([^<]{1,200})<\/Message>/.exec(said)?.[1];
  const text = http === undefined ? line : [`the storage answers ${http}`, code, message].filter(Boolean).join(": ");
  return redact(printable(text)).slice(0, textMax);
}

/** Lines of errors without what stands before the words. */
function errorLines(said: string): readonly string[] {
  const clean = said.split("\n").map((line) => line.replace(/^[\d\- :.]+P\d\d +/, "").trim());
  const errors = clean.filter((line) => line.startsWith("ERROR:"));
  return (errors.length === 0 ? clean.filter((line) => line !== "") : errors).map((line) =>
    line
      .replace(/^ERROR: (\[\d+\]: )?/, "")
      .replace(/^\[[A-Za-z]+\] /, "")
      .replace(/^\w+Error: /, "")
      .replace(/^\[(\d+)\] /, "the storage answers $1: "),
  );
}

function printable(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\uFFFD]+/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** A look that found it unusable, as an error. */
export function problemError({ kind, text }: RepositoryProblem): OpError {
  return new OpError("backup-repository", { message: `the repository cannot be used: ${text}`, ...hintOf(kind, text) });
}

/** A command that ended with an error: its exit code and words as an error for a person. */
export function failureOf(command: string, code: number | null, said: string): OpError {
  if (/unable to acquire .*lock/.test(said))
    return new OpError("busy", {
      message: "pgBackRest works on this cluster's backups already",
      hint: "Wait for its end and try again.",
    });
  if (/do not match the database|is for database|does not match the/.test(said) && code !== null)
    return new OpError("backup-foreign", {
      message: "the repository holds the backups of another cluster",
      detail: firstWords(said),
      hint: "Give another place in it: end --to with another path.",
    });
  const problem = problemOf(said);
  const isRepository = problem.kind !== "other";
  return new OpError(isRepository ? "backup-repository" : "backup-failed", {
    message: isRepository
      ? `the repository cannot be used: ${problem.text}`
      : `pgBackRest's ${command} ended with ${code === null ? "a signal" : `exit code ${code}`}: ${problem.text}`,
    ...hintOf(problem.kind, problem.text),
  });
}

function hintOf(kind: RepositoryProblem["kind"], text: string): { readonly hint?: string } {
  switch (kind) {
    case "refused":
      // Of a path it names the kernel's error: nobody's credentials are at fault.
      if (text.includes("[13] Permission denied"))
        return { hint: "Let the servers' user write there, for example: chown postgres DIRECTORY" };
      return { hint: "Check the credentials, what they may do, and the names in --to." };
    case "unreachable":
      return { hint: "Check the endpoint, and its certificate (--ca for an authority of your own)." };
    case "wrong-key":
      return {
        hint: "Give the key that was shown when backups were enabled: --key-file. Or another path, for a place of its own.",
      };
    case "no-stanza":
      return { hint: "Check the cluster's name, and the path in --to: its backups lie under both." };
    case "full":
      return { hint: "Make room there, or keep fewer backups: matriarch backup set." };
    default:
      return {};
  }
}
