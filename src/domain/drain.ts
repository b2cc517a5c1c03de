/** Where logs and events of a cluster, or of everything, are sent. Pure. */
import type { LogLevel, LogRecord } from "./log-record.ts";

export interface Drain {
  readonly id: string;
  /** another one with each change: a host that has this one has its token */
  readonly version: string;
  /** null: of all clusters, and of the hosts' own processes */
  readonly cluster: string | null;
  readonly to: string;
  /** of this weight or more */
  readonly level: LogLevel;
  /** bearer token; never shown */
  readonly token?: string | undefined;
  /** authority that the receiver's certificate is of, PEM; left out: the system's */
  readonly ca?: string | undefined;
}

/** A drain as every host may know it. */
export interface DrainEntry extends Pick<Drain, "id" | "version" | "cluster" | "to" | "level"> {
  readonly ca?: string;
  readonly hasToken: boolean;
}

/** What is sent: a line of a log, or an event told as one. */
export interface DrainRecord extends Omit<LogRecord, "process"> {
  readonly process: LogRecord["process"] | "event";
  /** its name; of one machine alone the system's */
  readonly host: string;
}

export interface DrainState {
  readonly id: string;
  readonly sent: number;
  /** bytes of log files that were removed before they were sent, and records that the receiver refused */
  readonly droppedBytes: number;
  readonly rejected: number;
  /** since when it fails, ms of the wall clock, and why; undefined: it works */
  readonly failing?: { readonly since: number; readonly reason: string } | undefined;
}

export type DrainTarget =
  | { readonly kind: "syslog"; readonly over: "udp" | "tcp" | "tls"; readonly host: string; readonly port: number }
  | { readonly kind: "http" | "otlp"; readonly url: string };

/** @returns a sentence about what is wrong instead, when something is */
export function parseTarget(text: string): DrainTarget | string {
  if (!URL.canParse(text)) return "it is no URL";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "secrets do not belong in it: use --token-file";
  if (url.hostname === "") return "it names no host";
  switch (url.protocol) {
    case "syslog:":
    case "syslog+udp:":
      return syslogAt(url, "udp", 514);
    case "syslog+tcp:":
      return syslogAt(url, "tcp", 514);
    case "syslog+tls:":
      return syslogAt(url, "tls", 6514);
    case "http:":
    case "https:":
      return { kind: "http", url: url.href };
    case "otlp+http:":
    case "otlp+https:": {
      const plain = new URL(text.slice("otlp+".length));
      if (plain.pathname === "/") plain.pathname = "/v1/logs";
      return { kind: "otlp", url: plain.href };
    }
    default:
      return `"${url.protocol}//" is none of syslog, syslog+tcp, syslog+tls, http, https, otlp+http, otlp+https`;
  }
}

function syslogAt(url: URL, over: "udp" | "tcp" | "tls", usual: number): DrainTarget | string {
  const port = url.port === "" ? usual : Number(url.port);
  if (port === 0) return "port 0 is none";
  return { kind: "syslog", over, host: url.hostname.replace(/^\[|\]$/g, ""), port };
}
