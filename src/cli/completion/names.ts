/**
 * Names of what there is, for the word that is to be completed: asked of the agent if it runs, and only what that word
 * can be. Called by answer.ts. Never starts anything; what cannot be asked has no names.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { localContext, readContexts } from "../../config/contexts.ts";
import type { ClusterStatus } from "../../contract/cluster.ts";
import type { EnabledExtension } from "../../contract/extensions.ts";
import type { Client } from "../client/client.ts";
import { topics } from "../manual/topics.ts";
import type { Position } from "./position.ts";

export interface Offer {
  readonly value: string;
  readonly what: string;
}

export interface Asked {
  readonly program: CommandUnknownOpts;
  readonly client: () => Promise<Client | undefined>;
  readonly eventTypes: () => Promise<readonly string[]>;
  readonly position: Position;
}

type Source = (asked: Asked) => Promise<readonly Offer[]>;

/** By what help calls the argument, or the value of a flag. */
const sources: Readonly<Record<string, Source>> = {
  "cluster": async ({ client }) =>
    ((await (await client())?.list()) ?? []).map(({ name, state }) => offer(name, state)),
  "member": ofClusters(({ members }) => members.map(({ id, role, state }) => offer(id, `${role}, ${state}`))),
  "app": ofClusters(({ attachments }) => attachments.map(({ app, database }) => offer(app, `database ${database}`))),
  "operation": ofClusters(({ operation }) => (operation === null ? [] : [offer(operation, "")])),
  "database": ofCluster(async (client, cluster) =>
    (await client.databases(cluster)).map(({ name, owner }) => offer(name, `of ${owner}`)),
  ),
  "user": ofCluster(async (client, cluster) =>
    (await client.users(cluster)).map(({ name, superuser }) => offer(name, superuser ? "superuser" : "")),
  ),
  "extension": ofCluster(async (client, cluster, { path, values }) => {
    const { available, enabled } = await client.extensions(cluster);
    // Only what is there can be taken away or renewed.
    if (path === "extension enable") return available.map(({ name, comment }) => offer(name, comment));
    const database = values.get("database");
    return enabled.filter((one) => database === undefined || one.database === database).map(asExtension);
  }),
  "host": async ({ client }) =>
    (await hostsOf(client)).map(({ name, region, zone }) => offer(name, `${region}, ${zone}`)),
  "region": async ({ client }) => once((await hostsOf(client)).map(({ region }) => region)),
  "zone": async ({ client }) => once((await hostsOf(client)).map(({ zone }) => zone)),
  "type": async ({ eventTypes }) => typesAndGroups(await eventTypes()),
  "id": async ({ client, position }) => idsFor(position.path, await client()),
  "page": async ({ program }) => subjectsOf(program),
  "context": async () => contexts(),
  "name": async (asked) => {
    if (asked.position.path.startsWith("context ")) return contexts();
    return asked.position.path.startsWith("config ") ? settings(asked) : [];
  },
  "name=value": settingsWithValues,
};

export async function namesOf(name: string, asked: Asked): Promise<readonly Offer[]> {
  return (await sources[name]?.(asked)) ?? [];
}

/** Only what somebody has set can be taken back. */
const settings = ofCluster(async (client, cluster, { path }) => {
  const known = (await client.settings(cluster)).settings;
  const wanted =
    path === "config unset" ? known.filter(({ source }) => source === "user" || source === "extensions") : known;
  return wanted.map(({ name, value, description }) => offer(name, `${value}: ${description}`));
});

/** `work_mem=`, and behind the sign what it may be, where that is a list. */
async function settingsWithValues(asked: Asked): Promise<readonly Offer[]> {
  return ofCluster(async (client, cluster, { typed }) => {
    const known = (await client.settings(cluster)).settings.filter(({ source }) => source !== "owned");
    const named = known.find(({ name }) => typed.startsWith(`${name}=`));
    if (!named) return known.map(({ name, value }) => offer(`${name}=`, `now ${value}`));
    const values = named.type === "bool" ? ["on", "off"] : (named.allowed ?? []);
    return values.map((value) => offer(`${named.name}=${value}`, ""));
  })(asked);
}

function asExtension({ name, database, version }: EnabledExtension): Offer {
  return offer(name, `${version} in ${database}`);
}

export function commandsOf(made: CommandUnknownOpts): readonly Offer[] {
  return made.commands.map((inner) => offer(inner.name(), inner.description()));
}

/** What help and man can be asked about. */
export function subjectsOf(program: CommandUnknownOpts): readonly Offer[] {
  return [...commandsOf(program), ...topics.map(({ name, purpose }) => offer(name, purpose))];
}

function offer(value: string, what: string): Offer {
  return { value, what };
}

/** Of the cluster that stands on the line, else of all. */
function ofClusters(offers: (cluster: ClusterStatus) => readonly Offer[]): Source {
  return async ({ client, position }) => {
    const all = (await (await client())?.list()) ?? [];
    const named = position.values.get("cluster");
    return all.filter(({ name }) => named === undefined || name === named).flatMap(offers);
  };
}

/** What only the server itself can tell. */
function ofCluster(ask: (client: Client, cluster: string, position: Position) => Promise<readonly Offer[]>): Source {
  return async ({ client, position }) => {
    const cluster = position.values.get("cluster");
    const agent = await client();
    return agent === undefined || cluster === undefined ? [] : ask(agent, cluster, position);
  };
}

async function hostsOf(client: Asked["client"]) {
  return (await (await client())?.hosts()) ?? [];
}

function once(values: readonly string[]): readonly Offer[] {
  return [...new Set(values)].map((value) => offer(value, ""));
}

/** `failover` stands for all of its kind. */
function typesAndGroups(types: readonly string[]): readonly Offer[] {
  return once(types.flatMap((type) => [type.split(".")[0] ?? type, type]));
}

async function idsFor(path: string, client: Client | undefined): Promise<readonly Offer[]> {
  if (client === undefined) return [];
  if (path.startsWith("drain ")) return (await client.drains()).map(({ id, to }) => offer(id, to));
  if (path === "token revoke") return (await client.tokens()).map(({ id, name }) => offer(id, name));
  if (path === "certificate revoke") return (await client.certificates()).map(({ id, name }) => offer(id, name));
  return [];
}

function contexts(): readonly Offer[] {
  return [...Object.keys(readContexts().contexts), localContext].map((name) => offer(name, ""));
}
