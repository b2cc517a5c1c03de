/**
 * What a client asks of the router itself in its start-up packet: settings whose names begin with `matriarch.`, in
 * `options` as psql and libpq send them, or as parameters of their own as many drivers do. They are taken out before the
 * server sees the packet. Pure; what makes no sense is an error for the client, never an exception.
 */
import type { ErrorFields } from "../links/fatal.ts";

export interface SessionOptions {
  /** reads only from a server whose age is within this */
  readonly maxLagMs?: number;
  /** let in once the server has replayed this position of the log, as Postgres writes it */
  readonly afterLsn?: string;
  /** how long it waits for that */
  readonly waitMs: number;
}

export type Asked =
  | { readonly problem?: undefined; readonly options: SessionOptions; readonly bytes: Buffer }
  | { readonly problem: ErrorFields };

type Pairs = readonly (readonly [name: string, value: string])[];

const prefix = "matriarch.";
const headBytes = 8;
const usualWaitMs = 5000;
const waitMsMax = 30_000;
/** Lag is known to about a second and a half: less could not be held. */
const maxLagMsMin = 2000;
const maxLagMsMax = 3_600_000;
const lsnText = /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/;

/**
 * @param packet a whole start-up packet that makes sense, perhaps with what the client sent after it
 * @param isReadOnly every session there is read-only, on whatever server, and whatever that server becomes
 */
export function takeOptions(packet: Buffer, isReadOnly: boolean): Asked {
  const length = packet.readUInt32BE(0);
  const given = pairsOf(packet.subarray(headBytes, length));
  const asked: [string, string][] = [];
  const kept = given.flatMap(([name, value]): Pairs => {
    if (name.startsWith(prefix)) asked.push([name, value]);
    if (name.startsWith(prefix) || (isReadOnly && name === readOnly[0])) return [];
    return name === "options" ? [[name, takeFrom(value, asked)]] : [[name, value]];
  });
  const options = read(asked);
  if ("code" in options) return { problem: options };
  if (asked.length === 0 && !isReadOnly) return { options, bytes: packet };
  // After the client's own `options`: the last word counts.
  const pairs = isReadOnly ? [...kept, readOnly] : kept;
  return { options, bytes: Buffer.concat([format(packet.readUInt32BE(4), pairs), packet.subarray(length)]) };
}

const readOnly = ["default_transaction_read_only", "on"] as const;

/** In the bytes that the client chose: a name of a database need not be UTF-8. */
function pairsOf(body: Buffer): Pairs {
  const parts = body.toString("latin1").split("\0");
  const pairs: [string, string][] = [];
  for (let at = 0; parts[at]; at += 2) pairs.push([parts[at] ?? "", parts[at + 1] ?? ""]);
  return pairs;
}

function format(protocol: number, pairs: Pairs): Buffer {
  const body = Buffer.from(`${pairs.flat().join("\0")}\0\0`, "latin1");
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(headBytes + body.length, 0);
  head.writeUInt32BE(protocol, 4);
  return Buffer.concat([head, body]);
}

/** Words as the server divides them: by spaces, with backslashes before those that belong to a word. */
const word = /(?:\\[^]|[^\\\s])+/g;

/** @returns the options without those for the router, which are added to `asked` */
function takeFrom(options: string, asked: [string, string][]): string {
  const words = options.match(word) ?? [];
  const kept: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const first = words[at] ?? "";
    const isAlone = first === "-c";
    const setting = isAlone ? (words[at + 1] ?? "") : first.replace(/^(?:-c|--)/, "");
    const [name = "", ...value] = setting.split("=");
    if (first.startsWith("-") && name.startsWith(prefix))
      asked.push([name, value.join("=").replaceAll(/\\([^])/g, "$1")]);
    else kept.push(...(isAlone ? words.slice(at, at + 2) : [first]));
    if (isAlone) at += 1;
  }
  return kept.join(" ");
}

function read(asked: Pairs): SessionOptions | ErrorFields {
  let options: SessionOptions = { waitMs: usualWaitMs };
  for (const [name, value] of asked) {
    switch (name.slice(prefix.length)) {
      case "max_lag": {
        const maxLagMs = durationOf(value);
        if (maxLagMs === undefined || maxLagMs < maxLagMsMin || maxLagMs > maxLagMsMax)
          return invalid(
            name,
            value,
            "A limit is from 2s to 1h, for example 5s; what is less is held by matriarch.after_lsn.",
          );
        options = { ...options, maxLagMs };
        break;
      }
      case "after_lsn":
        if (!lsnText.test(value)) return invalid(name, value, "A position of the log looks like 0/16B3748.");
        options = { ...options, afterLsn: value };
        break;
      case "wait": {
        const waitMs = durationOf(value);
        if (waitMs === undefined || waitMs > waitMsMax)
          return invalid(name, value, "A wait is from 0s to 30s, for example 500ms.");
        options = { ...options, waitMs };
        break;
      }
      default:
        return unknown(name);
    }
  }
  return options;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

function durationOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min|h)$/.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (units[unit] ?? 0);
}

function invalid(name: string, value: string, hint: string): ErrorFields {
  return { code: "22023", message: `invalid value for parameter "${name}": "${value}"`, hint };
}

function unknown(name: string): ErrorFields {
  return {
    code: "42704",
    message: `unrecognized configuration parameter "${name}"`,
    hint: "There are matriarch.max_lag, matriarch.after_lsn and matriarch.wait.",
  };
}
