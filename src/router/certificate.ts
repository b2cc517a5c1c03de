/**
 * The certificate that an endpoint shows, as files that somebody else renews. Called by endpoint.ts for each TLS
 * handshake. A handshake never waits for the disk: it gets what was read last, and asks for a new look at the files at
 * most once a second. Files that cannot be used leave the last good ones in force.
 */
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Log } from "../links/log.ts";

const lookEveryMs = 1000;

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export class Certificate {
  readonly files: CertificateFiles;
  readonly #log: Log;
  #context: SecureContext;
  #stamp: string;
  #lookedAt = performance.now();

  private constructor(files: CertificateFiles, log: Log, loaded: { context: SecureContext; stamp: string }) {
    this.files = files;
    this.#log = log;
    this.#context = loaded.context;
    this.#stamp = loaded.stamp;
  }

  /** @throws when the files cannot be read or do not belong together */
  static async load(files: CertificateFiles, log: Log): Promise<Certificate> {
    return new Certificate(files, log, await read(files));
  }

  context(): SecureContext {
    if (performance.now() - this.#lookedAt > lookEveryMs) {
      this.#lookedAt = performance.now();
      void this.#renew();
    }
    return this.#context;
  }

  async #renew(): Promise<void> {
    try {
      if ((await stampOf(this.files)) === this.#stamp) return;
      const loaded = await read(this.files);
      this.#context = loaded.context;
      this.#stamp = loaded.stamp;
      this.#log.info("certificate read again", { file: this.files.certFile });
    } catch (error) {
      this.#log.error("certificate cannot be read, the last one stays", { file: this.files.certFile, error });
    }
  }
}

async function read(files: CertificateFiles): Promise<{ context: SecureContext; stamp: string }> {
  const stamp = await stampOf(files);
  const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)]);
  return { context: createSecureContext({ cert, key, minVersion: "TLSv1.2" }), stamp };
}

async function stampOf(files: CertificateFiles): Promise<string> {
  const [cert, key] = await Promise.all([stat(files.certFile), stat(files.keyFile)]);
  return [cert, key].map((file) => `${file.ino}:${file.mtimeMs}:${file.size}`).join(" ");
}
