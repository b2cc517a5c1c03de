/**
 * The guard process: exchanges heartbeats with the guards of other hosts, counts time and ends this host's primaries
 * when theirs is up; nothing else. Started by the agent (drivers/guard/) and outlives it. It reads files once, at its
 * start, and after that never waits for a disk, for DNS, or for anybody else.
 */
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Listener } from "../links/control.ts";
import { stand, type Standing } from "../links/standing.ts";
import { TlsIdentity, type TlsFiles } from "../links/tls-files.ts";
import { Guard } from "./guard.ts";
import { KnownServers } from "./known-servers.ts";
import { parseRequest } from "./requests.ts";
import type { GuardRequest } from "./wire.ts";

const niceness = -15;
const oomScore = -900;

export interface GuardProcessOptions extends Standing {
  readonly tls: TlsFiles;
  /** file that it keeps for the guard after it */
  readonly serversPath: string;
}

/** Returns when requests are taken; the process ends when it is told to, or by a signal. */
export async function runGuard(options: GuardProcessOptions): Promise<void> {
  goFirst();
  await stand<GuardRequest>(options, (log, exit) => {
    const agents = new Set<Listener>();
    const identity = new TlsIdentity(options.tls, (error) => log.error("certificate cannot be used", { error }));
    const guard = new Guard({
      host: nameOf(identity),
      version: options.version,
      identity,
      known: new KnownServers(options.serversPath, log),
      log,
      tell: (report) => {
        for (const agent of agents) agent.tell(report);
      },
      stop: exit,
    });
    return {
      parse: parseRequest,
      handle: (request) => guard.handle(request),
      joined: (agent) => {
        agents.add(agent);
        guard.greet();
        agent.onLeave(() => agents.delete(agent));
      },
    };
  });
}

/** It has little to do, and that in time. Only root may ask for this; without it the guard is as quick as the rest. */
function goFirst(): void {
  for (const ask of [() => setPriority(niceness), () => writeFileSync("/proc/self/oom_score_adj", String(oomScore))]) {
    try {
      ask();
    } catch {
      // Not allowed, or not Linux.
    }
  }
}

/** This host's name, as its certificate says. */
function nameOf(identity: TlsIdentity): string {
  const { subject } = new X509Certificate(identity.current().cert);
  const name = /^CN=(.+)$/m.exec(subject)?.[1];
  if (name === undefined) throw new Error("the host's certificate has no name");
  return name;
}
