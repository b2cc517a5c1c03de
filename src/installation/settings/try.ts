/**
 * Settings tried before they are written: on every host that has a member, by the engine itself, on a directory of its
 * own. Called by plan.ts and, for other hosts, over their agents.
 */
import {
  engineMeant,
  trySettingsAnswerSchema,
  type TrySettingsAnswer,
  type TrySettingsRequest,
} from "../../contract/peer.ts";
import type { ClusterRecord, ClusterSpec } from "../../domain/cluster.ts";
import { trySettings } from "../../drivers/postgres/configuration/trial.ts";
import { judgeEach } from "../../drivers/postgres/configuration/validate.ts";
import { preloadSettings } from "../../drivers/postgres/extensions/preload.ts";
import { ensureTemplate } from "../../drivers/postgres/provision/template.ts";
import type { Parts } from "../parts.ts";

/** The engine may have to be fetched first. */
const hereMs = 120_000;
const elsewhereMs = 25_000;

export interface Tried extends TrySettingsAnswer {
  /** hosts that could not be asked, each with the reason */
  readonly away: readonly { readonly host: string; readonly reason: string }[];
}

/** On this host. Never throws for settings that are wrong: that is the answer. */
export async function tryHere(parts: Parts, request: TrySettingsRequest): Promise<TrySettingsAnswer> {
  const { servers } = parts;
  const { settings, members, memory_bytes: memoryBytes, cpus, major, version } = request;
  const { engine: kind, engine_directory: directory } = request;
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(hereMs)]);
  const choice = engineMeant({ kind, major, ...(directory === undefined ? {} : { directory }) });
  const wanted = { ...choice, ...(version === undefined ? {} : { version }) };
  const engine = await servers.engine(wanted, () => undefined, signal);
  const template = await ensureTemplate(parts.home, engine, servers.owner, signal);
  const context = { template, owner: servers.owner, signal };
  const { problems, good } = await judgeEach(settings, context);
  // Also when some are wrong: what the others come to is told with them, all at once.
  const computed = servers.computed({ major, members, memoryBytes, cpus });
  const trial = await trySettings({ ...computed, ...good }, context);
  if (!trial.ok) {
    // A library that is missing ends the start before the rest is seen.
    const rest = Object.entries(good).filter(([name]) => !isPreload(name));
    const second = await trySettings({ ...computed, ...Object.fromEntries(rest) }, context);
    if (second.ok) return { problems: [...problems, trial.words], settings: second.settings };
    const words = isSameButFigures(trial.words, second.words) ? [trial.words] : [trial.words, second.words];
    return { problems: [...new Set([...problems, ...words])], settings: [] };
  }
  // A value that its extension does not take is ignored by the server, with a warning.
  const ignored = trial.warnings.filter((words) => words.includes("parameter"));
  return { problems: [...problems, ...ignored], settings: trial.settings };
}

/** Memory that is asked for differs a little by the libraries that are loaded. */
function isSameButFigures(one: string, other: string): boolean {
  const plain = (words: string): string => words.replaceAll(/\d+/g, "0");
  return plain(one) === plain(other);
}

export function hostsOf({ members }: ClusterRecord): readonly string[] {
  return Object.values(members).map(({ value }) => value.host);
}

function isPreload(name: string): boolean {
  return preloadSettings.some((setting) => setting === name);
}

/** @param version of Postgres that the members run */
type Subject = ClusterSpec & { readonly version?: string | undefined };

/** The primary's: of an upgrade that was stopped half-way, too. */
export function subjectOf({ spec, reign, members }: ClusterRecord): Subject {
  return { ...spec.value, version: members[reign.value.holder]?.value.version };
}

/** On every one of these hosts. A problem that is not the same on all names its host. */
export async function tryEverywhere(parts: Parts, hosts: readonly string[], spec: Subject): Promise<Tried> {
  const request = requestFor(spec);
  const self = parts.hosts.self?.name;
  const names = self === undefined ? [parts.hostName] : [...new Set(hosts)];
  const answers = await Promise.all(
    names.map(async (host) => {
      if (self === undefined || host === self) return { host, answer: await tryHere(parts, request) };
      return askHost(parts, host, request);
    }),
  );
  const heard = answers.flatMap((found) => ("answer" in found ? found : []));
  const away = answers.flatMap((found) => ("reason" in found ? found : []));
  const isCommon = (words: string): boolean => heard.every(({ answer }) => answer.problems.includes(words));
  const problems = heard.flatMap(({ host, answer }) =>
    answer.problems.map((words) => (isCommon(words) ? words : `on host "${host}": ${words}`)),
  );
  return {
    problems: [...new Set(problems)],
    settings: heard.find(({ answer }) => answer.settings.length > 0)?.answer.settings ?? [],
    away,
  };
}

type Asked = { readonly host: string } & ({ readonly answer: TrySettingsAnswer } | { readonly reason: string });

async function askHost(parts: Parts, host: string, body: TrySettingsRequest): Promise<Asked> {
  if (!parts.hosts.isHeard(host)) return { host, reason: "its agent does not answer" };
  const call = { method: "POST", path: "/v1/peer/try-settings", body, deadlineMs: elsewhereMs } as const;
  try {
    return { host, answer: trySettingsAnswerSchema.parse(await parts.hosts.call(host, call)) };
  } catch (error) {
    return { host, reason: error instanceof Error ? error.message : String(error) };
  }
}

function requestFor({ version, members, memoryBytes, cpus, settings, ...spec }: Subject): TrySettingsRequest {
  const { engine, engineDirectory: directory, major } = spec;
  const build = directory === undefined ? {} : { engine_directory: directory };
  const shape = { engine, ...build, major, members: [...members], memory_bytes: memoryBytes, cpus };
  return { ...shape, settings: { ...settings }, ...(version === undefined ? {} : { version }) };
}
