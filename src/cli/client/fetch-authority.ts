/**
 * The certificate of an installation's authority, fetched from one of its hosts and accepted only if it is the one whose
 * fingerprint the user gave. Called by `context add --ca-fingerprint`. Sends nothing, and so tells nobody a secret.
 */
import type { X509Certificate } from "node:crypto";
import { connect } from "node:tls";

import { usualPort } from "../../config/contexts.ts";
import { OpError } from "../../errors/op-error.ts";

const withinMs = 5000;

/** @param fingerprint SHA-256 in hex, with or without colons. @returns PEM. @throws OpError agent-unreachable, bad-value */
export async function fetchAuthority(host: URL, fingerprint: string): Promise<string> {
  const wanted = fingerprint.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(wanted)) {
    throw new OpError("bad-value", {
      message: "the fingerprint is not one",
      detail: "It is the SHA-256 of the authority's certificate: 64 hexadecimal digits.",
    });
  }
  const chain = await chainOf(host);
  const found = chain.find((certificate) => plain(certificate.fingerprint256) === wanted);
  if (found !== undefined) return found.toString();
  throw new OpError("bad-value", {
    message: `${host.origin} is not of the installation with this fingerprint`,
    detail: `It shows certificates with: ${chain.map(({ fingerprint256 }) => plain(fingerprint256)).join(", ")}.`,
    hint: "If the fingerprint is right, something else answers there.",
  });
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

/** What the host shows, unchecked: its own certificate, and what vouches for it. */
function chainOf(host: URL): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host.hostname.replace(/^\[|\]$/g, ""),
      port: Number(host.port || usualPort),
      // Nothing is sent over it; what it shows is compared with the fingerprint.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
    socket.once("close", () => clearTimeout(timer));
    socket.once("error", (cause) =>
      reject(
        new OpError("agent-unreachable", {
          message: `${host.origin} does not answer`,
          detail: `The system says: ${cause.message}.`,
          hint: "Give the certificate itself with --ca-file to add the context without asking.",
          cause,
        }),
      ),
    );
    socket.once("secureConnect", () => {
      const chain: X509Certificate[] = [];
      for (let next = socket.getPeerX509Certificate(); next && chain.length < 8; next = next.issuerCertificate)
        chain.push(next);
      socket.destroy();
      resolve(chain);
    });
  });
}
