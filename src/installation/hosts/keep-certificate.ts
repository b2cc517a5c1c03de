/**
 * Looks after this host's certificate, and tells of one that could not be renewed: once a day, for it is tried each hour
 * of the last third of its life, and after its end too. Called by the agent of an installation over several hosts.
 */
import { certificateEnd } from "../../drivers/certificates/host.ts";
import type { HostParts } from "./parts.ts";
import { renewHostCertificate } from "./renew.ts";

const tellAgainMs = 24 * 3600 * 1000;

/** @returns what is to be called once an hour */
export function certificateKeeper(parts: HostParts): () => Promise<void> {
  let toldAt = -Infinity;
  return async () => {
    try {
      await renewHostCertificate(parts);
    } catch (error) {
      const { config, events, log } = parts;
      log.error("certificate not renewed", { error });
      const now = parts.wallNow();
      if (now - toldAt < tellAgainMs) return;
      toldAt = now;
      const end = await certificateEnd(parts.home);
      const until = end === undefined ? "at a time that cannot be read" : new Date(end).toISOString();
      events.emit("host.certificate-ending", {}, { host: config.name, until, reason: reasonOf(error) });
    }
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "detail" in error && typeof error.detail === "string" ? `${error.message} (${error.detail})` : error.message;
}
