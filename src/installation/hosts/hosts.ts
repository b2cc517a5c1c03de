/**
 * What the running agent offers about hosts (contract/host.ts), each delegated to where it is done. Made by the agent's
 * entry on a home with a host.json; `isKnownHost` is for the gate of its API.
 */
import { readFile } from "node:fs/promises";

import { version } from "../../config/version.ts";
import type { HostSettings, HostsInstallation } from "../../contract/host.ts";
import type { HostRecord, InstallationSettings } from "../../domain/host.ts";
import { fingerprintOf } from "../../drivers/certificates/files.ts";
import { hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { listHosts, readSettings, writeSettings } from "../../drivers/store/host-records.ts";
import { removeJoinToken } from "../../drivers/store/join-tokens.ts";
import { OpError } from "../../errors/op-error.ts";
import { admitHost, checkJoin } from "./admit.ts";
import { changeHost, drainHost, undrainHost } from "./drain.ts";
import { hostStatus, listHostStatus } from "./list.ts";
import type { HostParts } from "./parts.ts";
import { givePlace } from "./place.ts";
import { probe } from "./reach.ts";
import { removeHostFrom } from "./remove.ts";
import { certifyHost } from "./renew.ts";
import { makeJoinToken } from "./tokens.ts";

export function createHosts(parts: HostParts): HostsInstallation {
  const ca = (): Promise<string> => readFile(hostCertificateFiles(parts.home).caFile, "utf8");
  // Two at once could both become the third of the first hosts.
  let admissions: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(admit: () => Promise<T>): Promise<T> => {
    const admitted = admissions.then(admit);
    admissions = admitted.catch(() => undefined);
    return admitted;
  };
  return {
    list: () => listHostStatus(parts),
    settings: async () => toSettings(await readSettings(parts.store)),
    change: async (settings, { by }) => {
      await writeSettings(parts.store, { replaceAfterMs: settings.replace_after_ms });
      parts.events.emit("host.settings-changed", { actor: by }, { replace_after_ms: settings.replace_after_ms });
      return settings;
    },
    makeToken: async ({ expires_ms, uses }, { by }) => {
      const hosts = (await listHosts(parts.store)).map(({ value }) => value);
      const wish = { expiresMs: expires_ms, uses, by, now: parts.wallNow() };
      const made = await makeJoinToken(parts.store, hosts, fingerprintOf(await ca()), wish);
      parts.events.emit("token.made", { actor: by }, { token: made.id, until: made.expires_at, uses });
      return made;
    },
    revokeToken: async (id, asked) => {
      if (!(await removeJoinToken(parts.store, id)))
        throw new OpError("token-not-found", { message: `there is no token "${id}" for joining` });
      parts.events.emit("token.revoked", { actor: asked.by }, { token: id });
    },
    label: async (name, labels, asked) => {
      const host = await changeHost(parts, name, (before) => relabel(before, labels));
      const words = Object.entries(host.labels).map(([key, value]) => `${key}=${value}`);
      parts.events.emit("host.labelled", { actor: asked.by }, { host: name, labels: words });
      return hostStatus(parts, host, await readSettings(parts.store));
    },
    drain: (name, asked) => drainHost(parts, name, asked),
    undrain: async (name, asked) =>
      hostStatus(parts, await undrainHost(parts, name, asked), await readSettings(parts.store)),
    remove: (name, options, asked) => removeHostFrom(parts, name, options, asked),
    rebuildStore: () => parts.rebuildStore(),

    greet: async () => ({ ca: await ca(), version, now: parts.wallNow() }),
    checkJoin: (request) => checkJoin(parts, request),
    join: (request) => inTurn(() => admitHost(parts, request)),

    reach: (request) => probe(request),
    certify: (name, request) => certifyHost(parts, name, request),
    place: (name) => inTurn(() => givePlace(parts, name)),
  };
}

/** Whether a certificate that our CA has signed is of a host that is still one: removed hosts keep theirs. */
export function isKnownHost(
  hosts: readonly HostRecord[],
  { name, keyFingerprint }: { readonly name: string; readonly keyFingerprint: string },
): boolean {
  return hosts.some((host) => host.name === name && host.keyFingerprint === keyFingerprint);
}

function toSettings({ replaceAfterMs }: InstallationSettings): HostSettings {
  return { replace_after_ms: replaceAfterMs };
}

function relabel(host: HostRecord, changes: Readonly<Record<string, string | null>>): HostRecord {
  const labels: Record<string, string> = { ...host.labels };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete labels[name];
    else labels[name] = value;
  }
  return { ...host, labels };
}
