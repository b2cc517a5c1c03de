/** This host and its agent as figures: what they cost, the router's endpoints, certificates. Called by collect.ts. */
import { X509Certificate } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { performance, type EventLoopUtilization } from "node:perf_hooks";
import type { RouterStatus } from "../../router/wire.ts";
import { pressureOf } from "../checks/vm.ts";
import { version } from "../../config/version.ts";
import type { Exposition } from "./exposition.ts";

export interface HostFigures {
  readonly host: string;
  readonly clusters: number;
  readonly startedAt: number;
  readonly storeReachable: boolean;
  /** undefined: it does not answer */
  readonly router: RouterStatus | undefined;
  readonly certFile: string;
}

/** Before the agent's first scrape, and since. */
let lastLoop: EventLoopUtilization = performance.eventLoopUtilization();

export async function reportHost(to: Exposition, figures: HostFigures): Promise<void> {
  const { host, router } = figures;
  to.gauge("matriarch_info", "Version of the agent", 1, { version, host });
  to.gauge("matriarch_agent_start_time_seconds", "When the agent started", figures.startedAt / 1000);
  to.gauge("matriarch_agent_clusters", "Clusters that it looks after", figures.clusters);
  to.gauge("matriarch_store_reachable", "1 while the shared state can be reached", figures.storeReachable);
  reportProcess(to);
  to.gauge("matriarch_router_up", "1 while the router answers", router !== undefined);
  for (const endpoint of router?.endpoints ?? []) reportEndpoint(to, endpoint);
  to.gauge("matriarch_host_cpus", "Processors", availableParallelism());
  loadavg().forEach((load, at) => {
    const minutes = String([1, 5, 15][at]);
    to.gauge("matriarch_host_load", "Processes that run or want to", load, { minutes });
  });
  for (const what of ["cpu", "memory", "io"]) {
    const text = await readFile(`/proc/pressure/${what}`, "utf8").catch(() => undefined);
    const share = text === undefined ? undefined : pressureOf(text)[1];
    to.gauge("matriarch_host_pressure_ratio", "Share of a minute in which work waited for it", share && share / 100, {
      what,
    });
  }
  to.gauge("matriarch_certificate_expiry_timestamp_seconds", "End of the certificate", expiryOf(figures.certFile));
}

function reportEndpoint(to: Exposition, endpoint: RouterStatus["endpoints"][number]): void {
  const labels = { cluster: endpoint.cluster, endpoint: endpoint.kind };
  to.gauge("matriarch_endpoint_open", "1 while clients are let through", endpoint.state === "open", labels);
  to.gauge("matriarch_endpoint_sessions", "Clients that are connected", endpoint.sessions, labels);
  to.gauge("matriarch_endpoint_waiting", "Clients that wait for a server", endpoint.waiting, labels);
  to.counter("matriarch_endpoint_accepted_total", "Clients that were taken", endpoint.accepted, labels);
  to.counter("matriarch_endpoint_refused_total", "Clients that were refused", endpoint.refused, labels);
  to.counter("matriarch_endpoint_timed_out_total", "Clients that waited in vain", endpoint.timedOut, labels);
}

/** As every exporter names them. */
function reportProcess(to: Exposition): void {
  const { user, system } = process.cpuUsage();
  to.counter("process_cpu_seconds_total", "Processor time of the agent", (user + system) / 1e6);
  to.gauge("process_resident_memory_bytes", "Memory of the agent", process.memoryUsage.rss());
  to.gauge("process_virtual_memory_bytes", "Address space of the agent", virtualBytes());
  to.gauge("process_open_fds", "Open files of the agent", openFiles());
  to.gauge(
    "process_start_time_seconds",
    "When the agent's process started",
    (Date.now() - process.uptime() * 1000) / 1000,
  );
  const loop = performance.eventLoopUtilization();
  const { utilization } = performance.eventLoopUtilization(loop, lastLoop);
  lastLoop = loop;
  to.gauge(
    "matriarch_agent_loop_busy_ratio",
    "Share of the time since the last scrape in which it worked",
    utilization,
  );
}

function virtualBytes(): number | undefined {
  try {
    return Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

function expiryOf(certFile: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(readFileSync(certFile)).validTo) / 1000;
  } catch {
    return undefined;
  }
}
