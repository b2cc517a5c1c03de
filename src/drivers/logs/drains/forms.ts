/**
 * Records in the forms of receivers: syslog (RFC 5424), a JSON document a line, and OpenTelemetry's logs as OTLP/JSON
 * (opentelemetry-proto, logs.proto; severities of its log data model). Pure.
 */
import type { DrainRecord } from "../../../domain/drain.ts";
import type { LogLevel } from "../../../domain/log-record.ts";

/** Facility local0. */
const facility = 16 * 8;
const severities: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warning: 4, error: 3, fatal: 2 };
/** A private enterprise number is owed; this is the one that RFC 5612 keeps for examples. */
const dataId = "matriarch@32473";

export function syslogMessage(record: DrainRecord): string {
  const { at, host, process, cluster, member, level, message, fields } = record;
  const data = { cluster, member, ...fields };
  const parameters = Object.entries(data).map(([name, value]) =>
    value === null
      ? ""
      : ` ${nameOf(name)}="${value.replaceAll(/["\\\]]/g, (found) => `\\${found}`).replaceAll(control, " ")}"`,
  );
  const head = `<${facility + severities[level]}>1 ${at} ${wordOf(host, 255)} ${process}`;
  const pid = wordOf(fields["pid"] ?? "-", 128);
  return `${head} ${pid} ${wordOf(member ?? cluster ?? "-", 32)} [${dataId}${parameters.join("")}] ${message.replaceAll(control, " ")}`;
}

/** A new message would begin behind one, for receivers that go by lines. */
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f]+/g;

function nameOf(name: string): string {
  return name.replaceAll(/[^\w.-]/g, "_").slice(0, 32);
}

function wordOf(text: string, most: number): string {
  return text.replaceAll(/[^!-~]/g, "_").slice(0, most) || "-";
}

const numbers: Readonly<Record<LogLevel, number>> = { debug: 5, info: 9, warning: 13, error: 17, fatal: 21 };

export function otlpLogs(records: readonly DrainRecord[]): unknown {
  const byHost = Map.groupBy(records, ({ host }) => host);
  return {
    resourceLogs: [...byHost].map(([host, of]) => ({
      resource: { attributes: attributes({ "service.name": "matriarch", "host.name": host }) },
      scopeLogs: [{ scope: { name: "matriarch" }, logRecords: of.map(otlpRecord) }],
    })),
  };
}

function otlpRecord({ at, process, cluster, member, level, message, fields }: DrainRecord): unknown {
  return {
    timeUnixNano: `${Date.parse(at)}000000`,
    observedTimeUnixNano: `${Date.now()}000000`,
    severityNumber: numbers[level],
    severityText: level.toUpperCase(),
    body: { stringValue: message },
    attributes: attributes({ process, "matriarch.cluster": cluster, "matriarch.member": member, ...fields }),
  };
}

function attributes(values: Readonly<Record<string, string | null>>): unknown {
  return Object.entries(values).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: { stringValue: value } }],
  );
}
