/**
 * This host's certificate, its key and the installation's authority, as files that somebody else renews. Used by whoever
 * listens for or calls other hosts. A connection never waits for the disk: it gets what was read last, and asks for a
 * new look at the files at most once a second. Files that cannot be used leave the last good ones in force.
 */
import { readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";

const lookEveryMs = 1000;

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What TLS is done with; the same object for as long as the files stay the same. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class TlsIdentity {
  readonly files: TlsFiles;
  readonly #trouble: (error: unknown) => void;
  #material: TlsMaterial;
  #stamp = "";
  #lookedAt = -Infinity;
  #isLooking = false;

  /**
   * @param trouble told when renewed files cannot be used; the old ones stay
   * @throws when the files cannot be read or do not belong together
   */
  constructor(files: TlsFiles, trouble: (error: unknown) => void = () => {}) {
    this.files = files;
    this.#trouble = trouble;
    this.#material = checked({
      ca: readFileSync(files.caFile),
      cert: readFileSync(files.certFile),
      key: readFileSync(files.keyFile),
    });
  }

  /** As read last. */
  current(): TlsMaterial {
    // One look at a time: each one that a hung disk holds takes one of the few threads that Node has for files.
    if (!this.#isLooking && performance.now() - this.#lookedAt > lookEveryMs) {
      this.#isLooking = true;
      void this.refresh().finally(() => {
        this.#isLooking = false;
        this.#lookedAt = performance.now();
      });
    }
    return this.#material;
  }

  /** Looks at the files now. @returns whether they are other ones than before */
  async refresh(): Promise<boolean> {
    try {
      const stamp = await stampOf(this.files);
      if (stamp === this.#stamp) return false;
      const [ca, cert, key] = await Promise.all([
        readFile(this.files.caFile),
        readFile(this.files.certFile),
        readFile(this.files.keyFile),
      ]);
      const material = checked({ ca, cert, key });
      // Set only now: files that were caught between two writes are read again at the next look.
      this.#stamp = stamp;
      if (sameMaterial(material, this.#material)) return false;
      this.#material = material;
      return true;
    } catch (error) {
      this.#trouble(error);
      return false;
    }
  }
}

/** @throws when certificate and key do not belong together */
function checked(material: TlsMaterial): TlsMaterial {
  createSecureContext(material);
  return material;
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca.equals(b.ca) && a.cert.equals(b.cert) && a.key.equals(b.key);
}

async function stampOf({ caFile, certFile, keyFile }: TlsFiles): Promise<string> {
  const found = await Promise.all([caFile, certFile, keyFile].map((file) => stat(file)));
  return found.map((file) => `${file.ino}:${file.mtimeMs}:${file.size}`).join(" ");
}
