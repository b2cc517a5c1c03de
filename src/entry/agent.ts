/**
 * The agent's program: puts store, router, loops and API of this host together, and ends them in order. Postgres
 * servers and the router go on without it; the next agent takes them over.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";

import { AgentRuntime } from "../agent/agent-runtime.ts";
import { ArchivePermits } from "../agent/archive-permits.ts";
import { hostClock } from "../agent/clock.ts";
import { Hooks } from "../agent/hooks.ts";
import { MemberLimits } from "../agent/member-limits.ts";
import { MemberServers } from "../agent/member-servers.ts";
import { Narrator } from "../agent/narrate/narrator.ts";
import { createApi } from "../api/server.ts";
import { renderError } from "../cli/output/error.ts";
import { noPaint } from "../cli/output/paint.ts";
import { loadAgentOptions } from "../config/agent-options.ts";
import { prepareHome } from "../config/home.ts";
import { stoppedByRequest } from "../config/service.ts";
import { readHostConfig, type HostConfig } from "../config/host-config.ts";
import { version } from "../config/version.ts";
import type { ArchiveLook } from "../domain/archive.ts";
import { hasPool, timingsFor, type ClusterRecord } from "../domain/cluster.ts";
import { chooseServerOwner } from "../drivers/postgres/engine/owner.ts";
import type { RouterDriver } from "../drivers/router/port.ts";
import { findGroups } from "../drivers/limits/find.ts";
import { hostCertificateFiles } from "../drivers/certificates/host.ts";
import { heldConnections } from "../drivers/router/held.ts";
import { createRouterDriver } from "../drivers/router/process.ts";
import { UsageHistory } from "../drivers/volume/history.ts";
import { openVolumePool } from "../drivers/volume/open.ts";
import { OpError } from "../errors/op-error.ts";
import { openEventFile } from "../events/event-file.ts";
import { silenceHealth, tellHealth } from "../installation/health/tell.ts";
import { careForLogs } from "../installation/logs-care.ts";
import { createInstallation } from "../installation/installation.ts";
import type { Parts } from "../installation/parts.ts";
import { PortClaims } from "../installation/ports.ts";
import { careForBackups } from "../installation/backups/care.ts";
import { careForImports } from "../installation/imports/care.ts";
import { resumeOperations } from "../installation/resume.ts";
import { careForArchives } from "../installation/storage/archive/care.ts";
import { careForProofs } from "../installation/proof/care.ts";
import { keeperOf } from "../installation/storage/left-behind.ts";
import { careForStorage } from "../installation/storage/care.ts";
import { openLogFile, type Log } from "../log/log.ts";
import { endpointKinds, type EndpointConfig } from "../router/wire.ts";
import { setUpOneHost } from "./one-host.ts";
import { makePools } from "./pools.ts";
import { programOf } from "./programs.ts";
import { tellRestarts } from "./kept-processes.ts";
import { statusPlace, statusUrlOf } from "./status-place.ts";
import type { Setup, SetupParts } from "./setup.ts";

await runAgent().catch((error: unknown) => {
  // To systemd's journal, or to the command that started it.
  const text = error instanceof OpError ? renderError(error, noPaint) : error;
  console.error(text);
  process.exit(1);
});

async function runAgent(): Promise<void> {
  const options = loadAgentOptions(process.argv.slice(2));
  const paths = prepareHome(options.home);
  const { log, close: closeLog } = openLogFile({ path: paths.log, level: options.log_level });
  const config = readHostConfig(paths.home);
  if (!config) refuseHalfJoined(paths.home);
  // Asked only later, of operations that a lost host has begun.
  const isHeard = (host: string): boolean => setup.hosts.isHeard(host);
  const eventFile = openEventFile(paths.events, config ? { host: config.name, isLost: (host) => !isHeard(host) } : {});
  const { events, operations, pauses } = eventFile;
  const router = createRouterDriver(programOf("router", paths.home));
  const owner = await chooseServerOwner(paths.clusters);
  const usage = new UsageHistory(paths.usage);
  const limits = new MemberLimits({
    groups: findGroups({ home: paths.home, parent: options.cgroup }),
    events,
    log,
    clock: hostClock,
  });
  const pool = await openVolumePool(paths.home);
  const servers = new MemberServers({ places: paths, owner, clock: hostClock, pool, limits });
  const archives = new Map<string, ArchiveLook>();
  const ended = new AbortController();
  const timings = timingsFor(options.promise_ms);
  const setup = await setUp(config, { paths, timings, servers, eventFile, clock: hostClock, log });
  const { store, several } = setup;
  const narrator = new Narrator({
    events,
    operations,
    pauses,
    log,
    clock: hostClock,
    changed: (cluster) => runtime.changed(cluster),
    ...(config ? { host: config.name, isHeard } : {}),
  });
  const endpointTrouble = tellTrouble(events);
  const pools = makePools({
    servers,
    setup,
    events,
    changed: (cluster) => runtime.rerouted(cluster),
    logs: paths.home,
  });
  const socketDirectory = (member: string): string => servers.socketDirectory(member);
  const hooks = new Hooks({
    directory: paths.hooks,
    limitsMs: options.hook_limits,
    owner,
    events,
    log,
    socketDirectory,
  });
  const runtime = new AgentRuntime({
    clock: hostClock,
    timings,
    store,
    servers,
    limits,
    archives,
    permits: new ArchivePermits({ home: paths.home, owner, log }),
    hooks,
    pools,
    witness: narrator,
    neighbourhood: setup.neighbourhood,
    makePromises: setup.makePromises,
    upstream: setup.upstream,
    connectMembers: setup.connectMembers,
    notAdopted: (cluster, error) => log.error("cluster not wholly taken up", { cluster, error }),
    routerPid: () => router.pid,
    configureEndpoints: async (clusters) => {
      const endpoints = clusters.flatMap((record) => endpointsOf(record, setup.endpoints));
      await router.configure(endpoints).then(endpointTrouble.over, endpointTrouble.met);
    },
    route: (routes) =>
      router.route(routes).then(
        () => true,
        (error: unknown) => {
          log.warn("route not taken", { error });
          return false;
        },
      ),
    connections: async (cluster) => heldConnections(await router.status(), cluster),
    isWorkedOn: (cluster) => operations.list({ cluster, state: "running" }).length > 0,
    keeper: (cluster, member) => keeperOf(parts, cluster, member),
  });
  router.onClientWaits((cluster, endpoint) => runtime.knock(cluster, `a client of endpoint "${endpoint}"`));
  const parts: Parts = {
    runtime,
    store,
    storeHealth: setup.neighbourhood,
    events,
    operations,
    pauses,
    servers,
    archives,
    proofs: new Map(),
    pools,
    usage,
    clock: hostClock,
    log,
    home: paths.home,
    clustersDirectory: paths.clusters,
    ports: new PortClaims(),
    caFile: setup.certificate.caFile,
    certFile: setup.certificate.certFile,
    routerStatus: () => router.status(),
    hosts: setup.hosts,
    hostName: setup.hostName,
    startedAt: Date.now(),
    statusUrl: (member) => statusUrlOf(options, member, setup.hosts.all()),
    signal: ended.signal,
  };
  const stop = async (withServers: boolean, exitCode = 0): Promise<void> => {
    if (ended.signal.aborted) return;
    ended.abort();
    log.info("agent stopping", { with_servers: withServers });
    rmSync(paths.pid, { force: true });
    await api.close();
    // What cannot be stopped keeps nothing else from being stopped.
    const failed = (error: unknown): void => log.error("not everything was stopped", { error });
    await (withServers ? stopEverything(parts, router).catch(failed) : runtime.close());
    if (!withServers && (await servesNobody(router))) await router.stop().catch(failed);
    limits.close();
    hooks.close();
    await Promise.all([router.close(), pools.close()]);
    if (withServers) await setup.stop().catch(failed);
    events.emit("agent.stopped", {}, { servers: withServers ? "stopped" : "go on" });
    await setup.close();
    usage.close();
    eventFile.close();
    closeLog();
    process.exit(exitCode);
  };
  const installation = createInstallation(parts, (withServers) => {
    // Its answer is sent before.
    setImmediate(() => void stop(withServers, exitCodeOfRequest()));
  });
  const forHosts = several && (await import("./offer-to-hosts.ts"));
  const offer = several && forHosts?.offerToHosts(parts, several, eventFile);
  const api = createApi(installation, apiLog(log), { audit: events, requests: eventFile.requests, ...offer?.options });
  process.on("SIGTERM", () => void stop(false));
  process.on("SIGINT", () => void stop(false));
  tellRestarts(events, "router", router);
  await router.ensure();
  // Before the loops: the other hosts' agents answer each other while this one is still looking around.
  if (several) await api.listenTls({ host: several.config.address, port: several.port, tls: several.tls });
  await setup.start(runtime);
  await api.listen(paths.socket);
  writeFileSync(paths.pid, `${process.pid}\n`, { mode: 0o600 });
  events.emit("agent.started", {}, { version, pid: process.pid });
  log.info("agent started", { version, pid: process.pid, home: paths.home });
  resumeOperations(parts);
  void careForStorage(parts);
  void careForLogs(parts, { days: options.log_keep_days, bytes: options.log_keep_mb * 1024 ** 2 });
  const statusAt = statusPlace(parts, options, setup);
  if (options.status_listen === "off") await silenceHealth(router, statusAt).catch(statusAt.trouble);
  else tellHealth(parts, router, statusAt);
  void careForArchives(parts);
  void careForBackups(parts);
  void careForProofs(parts);
  careForImports(parts);
  if (offer) forHosts?.careForHosts(parts, offer);
}

/** Whoever keeps the agent running is told that it is to stay down. */
function exitCodeOfRequest(): number {
  return Number(process.env[stoppedByRequest.variable] ?? 0);
}

/** An agent of one machine must not begin where a host's key waits for the end of its join. */
function refuseHalfJoined(home: string): void {
  if (!existsSync(hostCertificateFiles(home).keyFile)) return;
  throw new OpError("host-unfit", {
    message: "this machine has begun to join an installation, and has not come to the end of it",
    detail: `There is a host's key in "${home}", and no host.json.`,
    hint: "Run the same matriarch host join or host init again: it goes on where it was. To give it up, remove this home.",
  });
}

/** A home without `host.json` is an installation on one host. */
async function setUp(config: HostConfig | undefined, parts: SetupParts): Promise<Setup> {
  if (!config) return setUpOneHost(parts);
  const { setUpSeveralHosts } = await import("./several-hosts.ts");
  return setUpSeveralHosts(config, parts);
}

/** Endpoints are tried again and again; the same trouble is told once. */
function tellTrouble(events: Parts["events"]) {
  let told: string | undefined;
  return {
    over: (): void => {
      told = undefined;
    },
    met: (error: unknown): never => {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) events.emit("endpoint.not-listening", {}, { reason });
      told = reason;
      throw error;
    },
  };
}

async function stopEverything(parts: Parts, router: RouterDriver): Promise<void> {
  const { stopServers } = await import("../installation/resume.ts");
  await stopServers(parts).finally(() => Promise.all([router.stop(), parts.pools.stop()]));
}

/** It has no endpoint, so no session either: nobody would miss it, and whoever has stopped the agent expects nothing left. */
async function servesNobody(router: RouterDriver): Promise<boolean> {
  const status = await router.status().catch(() => undefined);
  return status?.endpoints.length === 0;
}

function endpointsOf(record: ClusterRecord, place: Setup["endpoints"]): readonly EndpointConfig[] {
  const { name, ports } = record.spec.value;
  const kinds = hasPool(record) ? endpointKinds : endpointKinds.filter((kind) => kind !== "pooled");
  return kinds.flatMap((kind) => {
    const listenPort = ports[kind];
    return listenPort === undefined ? [] : [{ cluster: name, kind, listenHost: "127.0.0.1", listenPort, ...place }];
  });
}

function apiLog(log: Log) {
  return {
    info: (fields: Readonly<Record<string, unknown>>, message: string) => log.info(message, fields),
    error: (fields: Readonly<Record<string, unknown>>, message: string) => log.error(message, fields),
  };
}
