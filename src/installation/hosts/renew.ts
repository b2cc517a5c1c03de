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
import { hostOf, type HostParts } from "./parts.ts";

const askWithinMs = 10_000;

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

async function askOthers(parts: HostParts, request: string): Promise<string> {
  const hosts = (await listHosts(parts.store)).map(({ value }) => value);
  const reasons: string[] = [];
  for (const host of hosts.filter(({ signs, name }) => signs && name !== parts.config.name)) {
    try {
      const call = {
        method: "POST",
        path: "/v1/peer/certificate",
        body: { request },
        deadlineMs: askWithinMs,
      } as const;
      return certificateAnswerSchema.parse(await parts.neighbours.call(host, call)).certificate;
    } catch (error) {
      reasons.push(`${host.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new OpError("host-unreachable", {
    message: "no host that holds the CA's key has signed this host's certificate",
    detail: reasons.length === 0 ? "There is none." : `${reasons.join("; ")}.`,
  });
}
