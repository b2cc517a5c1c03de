/**
 * This host's certificate, renewed before its end: by itself when it holds the CA's key, else by a host that does, which
 * knows it by the certificate that it still has. Called by the agent once an hour. Whoever uses the files reads them
 * again by themselves.
 */
import type { HostConfig } from "../../config/host-config.ts";
import { certificateAnswerSchema } from "../../contract/host.ts";
import {
  checkHostCertificate,
  installHostCertificate,
  makeHostRequest,
  readAuthority,
  readHostCertificate,
  requestFingerprint,
  signHost,
} from "../../drivers/certificates/host.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { askSigner } from "./ask-signer.ts";
import { hostOf, type HostParts } from "./parts.ts";

/** @returns wall clock of its end when it was renewed, undefined when it is not yet due. @throws OpError bad-certificate, host-unreachable */
export async function renewHostCertificate(parts: HostParts): Promise<number | undefined> {
  const { home, config } = parts;
  const { renewAt } = await readHostCertificate(home);
  if (parts.wallNow() < renewAt) return undefined;
  const signed = (await signOwn(home, config, parts.wallNow())) ?? (await askOthers(parts));
  const { notAfter } = await installHostCertificate(home, signed);
  parts.events.emit("host.certificate-renewed", {}, { host: config.name, until: new Date(notAfter).toISOString() });
  return notAfter;
}

/**
 * Before the agent uses it. A host that holds the authority's key signs one that has expired anew: so an installation that
 * was off for longer than its certificates live comes back by itself.
 * @throws OpError bad-certificate
 */
export async function readyCertificate(home: string, config: HostConfig, now: number): Promise<void> {
  const { notAfter } = await readHostCertificate(home);
  if (now < notAfter) return;
  const signed = await signOwn(home, config, now);
  if (signed === undefined) await checkHostCertificate(home, now);
  else await installHostCertificate(home, signed);
}

/** @returns undefined on a host that does not hold the authority's key */
async function signOwn(home: string, { name, address }: HostConfig, now: number): Promise<string | undefined> {
  const authority = await readAuthority(home);
  return authority && signHost(authority, { request: await makeHostRequest(home, name), name, address }, now);
}

/** For another host, which has shown by its certificate that it is `name`. @throws OpError host-exists for another key */
export async function certifyHost(parts: HostParts, name: string, request: string): Promise<string> {
  const authority = await readAuthority(parts.home);
  if (!authority)
    throw new OpError("not-supported", { message: `host "${parts.config.name}" does not hold the CA's key` });
  const { value } = await hostOf(parts.store, name);
  if ((await requestFingerprint(request)) !== value.keyFingerprint) {
    throw new OpError("host-exists", {
      message: `host "${name}" has another key`,
      hint: "A host with a new key has to be removed and to join again.",
    });
  }
  return signHost(authority, { request, name, address: value.address }, parts.wallNow());
}

async function askOthers({ home, config, store, neighbours, wallNow }: HostParts): Promise<string> {
  // The others would refuse it, without saying why.
  await checkHostCertificate(home, wallNow());
  const request = await makeHostRequest(home, config.name);
  const hosts = (await listHosts(store)).map(({ value }) => value);
  const call = { method: "POST", path: "/v1/peer/certificate", body: { request } } as const;
  const answer = await askSigner({ self: config.name, hosts: () => hosts, neighbours }, call);
  return certificateAnswerSchema.parse(answer).certificate;
}
