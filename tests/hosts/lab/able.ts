/** Whether this machine can have the fault laboratory, and the words for why not. Called by every test that needs it. */
import { execFileSync } from "node:child_process";

let known: string | false | undefined;

/** @returns false: it can; else the reason, as node:test wants it for `skip` */
export function whyNoLab(): string | false {
  known ??= look();
  return known;
}

function look(): string | false {
  if (process.platform !== "linux") return "the fault laboratory needs Linux";
  if (process.getuid?.() !== 0) return "the fault laboratory needs root: it makes network namespaces";
  const missing = ["ip", "nft", "nsenter", "python3", "etcd"].filter(
    (name) => !works("sh", "-c", `command -v ${name}`),
  );
  if (missing.length > 0)
    return `the fault laboratory needs ${missing.join(", ")} (Debian: iproute2 nftables util-linux python3 etcd-server)`;
  const probe = `mf-${process.pid}-probe`;
  if (!works("ip", "netns", "add", probe)) return "this machine lets nobody make a network namespace";
  works("ip", "netns", "delete", probe);
  return false;
}

function works(file: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
