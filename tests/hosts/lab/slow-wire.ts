/** A host's cable made slow, lossy and out of order, by slow-wire.py in the switch. Called by network.ts only. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { tool, tryTool } from "./shell.ts";
import { enter } from "./spaces.ts";

const script = join(import.meta.dirname, "slow-wire.py");
const readyMs = 10_000;

export interface Slowness {
  readonly delayMs: number;
  readonly jitterMs?: number;
  /** share of frames that vanish, 0 to 1 */
  readonly loss?: number;
}

export interface SlowWire {
  end(): Promise<void>;
}

/** Puts the slow wire between `port` and the bridge br0. The port must be without a master. */
export async function slowWire(
  space: string,
  port: string,
  { delayMs, jitterMs = 0, loss = 0 }: Slowness,
): Promise<SlowWire> {
  const [near, far] = [`${port}-n`.slice(-15), `${port}-f`.slice(-15)];
  const inSpace = enter(space);
  await tool(...inSpace, "ip", "link", "add", near, "type", "veth", "peer", "name", far);
  await tool(...inSpace, "ip", "link", "set", far, "master", "br0", "up");
  await tool(...inSpace, "ip", "link", "set", near, "up");
  const [file = "", ...before] = inSpace;
  const args = [...before, "python3", script, "join", port, near, ...[delayMs, jitterMs, loss].map(String)];
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const ready = await Promise.race([
    once(child.stdout, "data", { signal: AbortSignal.timeout(readyMs) }).then(() => true),
    ended.then(() => false),
  ]);
  if (!ready) throw new Error("the slow wire did not start: is python3 installed?");
  return {
    end: async () => {
      child.kill("SIGKILL");
      await ended;
      await tryTool([...inSpace, "ip", "link", "delete", near]);
    },
  };
}

/** Frames that pass a slow wire must be whole: every host's interface sends them so from now on. */
export async function sendPlainFrames(space: string): Promise<void> {
  await tool(...enter(space), "python3", script, "plain", "eth0");
}
