/**
 * This host's certificate, renewed before its end: by itself when it holds the CA's key, else by a host that does, which
 * knows it by the certificate that it still has. Called by the agent once an hour. Whoever uses the files reads them
 * again by themselves.
 */
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
  const authority = await readAuthority(home);
  // With the key it helps itself when all hosts were off for longer than certificates last.
  const facts = authority ? await readHostCertificate(home) : await checkHostCertificate(home, parts.wallNow());
  if (parts.wallNow() < facts.renewAt) return undefined;
  const request = await makeHostRequest(home, config.name);
  const signed = authority
    ? await signHost(authority, { request, name: config.name, address: config.address }, parts.wallNow())
    : await askOthers(parts, request);
  const { notAfter } = await installHostCertificate(home, signed);
  parts.events.emit("host.certificate-renewed", {}, { host: config.name, until: new Date(notAfter).toISOString() });
  return notAfter;
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

async function askOthers({ config, store, neighbours }: HostParts, request: string): Promise<string> {
  const hosts = (await listHosts(store)).map(({ value }) => value);
  const call = { method: "POST", path: "/v1/peer/certificate", body: { request } } as const;
  const answer = await askSigner({ self: config.name, hosts: () => hosts, neighbours }, call);
  return certificateAnswerSchema.parse(answer).certificate;
}
