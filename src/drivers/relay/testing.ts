/**
 * Hosts of one installation as far as relays are concerned: an authority, certificates, and a relay process for each
 * host on an address of its own (127.0.0.x). For tests and benches only.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { leaveNothingOf } from "../../../tests/fixtures/leave-nothing.ts";
import { freePort } from "../../../tests/fixtures/ports.ts";
import type { HostAddress } from "../../domain/host.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import type { RelaySelf } from "../../relay/wire.ts";
import { ensureAuthority, subjectOf } from "../certificates/ca.ts";
import { issueHost, issueUser, makeKey, makeRequest } from "../certificates/issue.ts";
import { chooseServerOwner } from "../postgres/engine/owner.ts";
import type { RelayDriver } from "./port.ts";
import { createRelayDriver } from "./process.ts";

const entry = join(import.meta.dirname, "../../entry/relay.ts");
const hourMs = 3_600_000;

export interface TestHost {
  readonly address: HostAddress;
  readonly directory: string;
  readonly tls: TlsFiles;
  readonly driver: RelayDriver;
  /** what the next `configure` says about this host */
  readonly self: { -readonly [Field in keyof RelaySelf]: RelaySelf[Field] };
  /** another agent's view of the same relay */
  readonly again: (version?: string) => RelayDriver;
  /** where this host's relay keeps the sockets that lead to `host` */
  readonly socketsOf: (host: TestHost) => string;
  readonly log: () => Promise<string>;
}

export class TestHosts {
  readonly directory: string;
  readonly #hosts: TestHost[] = [];

  static async create(): Promise<TestHosts> {
    const directory = await mkdtemp(join(tmpdir(), "rel-"));
    leaveNothingOf(directory);
    // The servers' user has to get through to the sockets.
    await chmod(directory, 0o755);
    await ensureAuthority(join(directory, "ca"), Date.now());
    return new TestHosts(directory);
  }

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** A host with a relay that runs and knows nothing yet. */
  async add(name: string, address: string): Promise<TestHost> {
    const directory = join(this.directory, name);
    await mkdir(directory, { mode: 0o755 });
    const tls = await this.certify(name, { OU: "host" });
    const port = await freePort();
    const owner = await chooseServerOwner();
    const self: TestHost["self"] = { address, port, tls, ...(owner && { owner: { uid: owner.uid, gid: owner.gid } }) };
    const again = (version = "1") =>
      createRelayDriver(
        {
          command: process.execPath,
          args: [entry],
          controlPath: join(directory, "relay.sock"),
          logPath: join(directory, "relay.log"),
          version,
        },
        () => self,
      );
    const host: TestHost = {
      address: { name, address, basePort: port - 2 },
      directory,
      tls,
      driver: again(),
      self,
      again,
      socketsOf: (other) => join(directory, "up", other.address.name),
      log: () => readFile(join(directory, "relay.log"), "utf8"),
    };
    this.#hosts.push(host);
    await host.driver.ensure();
    return host;
  }

  /** Files of a certificate. @param as OU, and when it ended if it has; `authority` another than the installation's */
  async certify(
    name: string,
    as: { readonly OU: string; readonly ended?: boolean; readonly authority?: string },
  ): Promise<TlsFiles> {
    const caDirectory = join(this.directory, as.authority ?? "ca");
    await ensureAuthority(caDirectory, Date.now());
    const ca = {
      cert: await readFile(join(caDirectory, "ca.crt"), "utf8"),
      key: await readFile(join(caDirectory, "ca.key"), "utf8"),
    };
    const end = Date.now() + (as.ended === true ? -hourMs : hourMs);
    const life = { notBefore: new Date(end - 4 * hourMs), notAfter: new Date(end) };
    const made = as.OU === "host" ? await hostPem(ca, name, life) : await issueUser(ca, name, as.OU, life);
    const directory = await mkdtemp(join(this.directory, "crt-"));
    const files = { certFile: join(directory, "crt"), keyFile: join(directory, "key") };
    await writeFile(files.certFile, made.cert);
    await writeFile(files.keyFile, made.key, { mode: 0o600 });
    return { ...files, caFile: join(this.directory, "ca", "ca.crt") };
  }

  async remove(): Promise<void> {
    for (const host of this.#hosts) await host.driver.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function hostPem(ca: { cert: string; key: string }, name: string, life: { notBefore: Date; notAfter: Date }) {
  const key = await makeKey();
  const request = await makeRequest(key, name);
  return { key, cert: await issueHost(ca, { request, name, subject: subjectOf([name, "localhost"]), life }) };
}

export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  withinMs = 30_000,
): Promise<void> {
  for (const deadline = performance.now() + withinMs; !(await condition()); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`never came: ${what}`);
  }
}
