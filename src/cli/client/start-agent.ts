/**
 * Starts the agent when a command needs it and none answers. Two commands at once start only one: the second waits for
 * the socket of the first. The agent is detached and outlives the command.
 */
import { execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { agentEnvironment } from "../../config/agent-environment.ts";
import { prepareHome, type HomePaths } from "../../config/home.ts";
import { installedUnit } from "../../config/service.ts";
import { OpError } from "../../errors/op-error.ts";

export interface AgentProgram {
  /** the agent's script, run by the same Node */
  readonly script: string;
  readonly home: string;
}

/** The agent makes little garbage: a large young generation would only keep what `create` once used (11 MB). */
const nodeOptions = ["--max-semi-space-size=1"];
const startDeadlineMs = 20_000;
const lookEveryMs = 15;
const logLinesShown = 12;

/** Whether a living agent accepts on the socket. @throws OpError agent-unreachable when it is another user's */
export function agentAnswers(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(socket);
    probe.setTimeout(5000, () => finish(() => resolve(true)));
    probe.once("connect", () => finish(() => resolve(true)));
    probe.once("error", (error: NodeJS.ErrnoException) =>
      finish(() => (error.code === "EACCES" ? reject(notYours(socket)) : resolve(false))),
    );
    function finish(settle: () => void): void {
      probe.destroy();
      settle();
    }
  });
}

/** @returns whether this call started it. @throws OpError home-unwritable, agent-start-failed */
export async function ensureAgent(program: AgentProgram, onStart: () => void): Promise<boolean> {
  const socket = join(program.home, "agent.sock");
  if (await agentAnswers(socket)) return false;
  const paths = prepareHome(program.home);
  const lock = join(paths.home, "agent.starting");
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    if (takeLock(lock)) {
      try {
        if (await agentAnswers(socket)) return false;
        onStart();
        const unit = installedUnit(program.home);
        if (unit === undefined) await startAndWait(program, paths, deadline);
        else await startUnit(unit, paths, deadline);
        return true;
      } finally {
        rmSync(lock, { force: true });
      }
    }
    await sleep(lookEveryMs);
    if (await agentAnswers(socket)) return false;
  }
  throw tooLate(paths);
}

/** This process becomes the agent; it comes back only when it cannot. @throws OpError agent-start-failed */
export async function runAgentHere({ script, home }: AgentProgram): Promise<void> {
  const paths = prepareHome(home);
  if (!process.execve)
    throw new OpError("agent-start-failed", { message: "this platform cannot run the agent in place of the command" });
  const args = [process.execPath, ...nodeOptions, script, "--home", home];
  process.chdir(paths.home);
  process.execve(process.execPath, args, agentEnvironment(process.env, home));
}

async function startAndWait(program: AgentProgram, paths: HomePaths, deadline: number): Promise<void> {
  const log = openSync(paths.log, "a", 0o600);
  const logBefore = statSync(paths.log).size;
  const child = spawn(process.execPath, [...nodeOptions, program.script, "--home", program.home], {
    detached: true,
    cwd: paths.home,
    stdio: ["ignore", log, log],
    env: agentEnvironment(process.env, program.home),
  });
  closeSync(log);
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, signal) => (ended = signal ?? `exit code ${code}`));
  child.unref();
  while (!(await agentAnswers(paths.socket))) {
    // It may have found another agent at work and ended; then that one answers.
    if (ended !== undefined && !(await agentAnswers(paths.socket))) throw endedEarly(paths, ended, logBefore);
    if (Date.now() > deadline) throw tooLate(paths);
    await sleep(lookEveryMs);
  }
}

/** One beside it would keep the unit's agent from its home. */
async function startUnit(unit: string, paths: HomePaths, deadline: number): Promise<void> {
  try {
    await promisify(execFile)("systemctl", ["start", unit], { timeout: startDeadlineMs });
  } catch (cause) {
    throw new OpError("agent-start-failed", {
      message: `systemd could not start ${unit}`,
      detail: cause instanceof Error ? cause.message.trim() : String(cause),
      hint: `See: systemctl status ${unit}`,
      cause,
    });
  }
  while (!(await agentAnswers(paths.socket))) {
    if (Date.now() > deadline) throw tooLate(paths);
    await sleep(lookEveryMs);
  }
}

/** The file holds the pid of the command that starts the agent; one left by a killed command is taken away. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (!isHeld(lock)) rmSync(lock, { force: true });
  return false;
}

function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // Just made and not yet written counts as held for a moment.
    if (!pid) return Date.now() - statSync(lock).mtimeMs < 2000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function endedEarly(paths: HomePaths, how: string, logBefore: number): OpError {
  return new OpError("agent-start-failed", {
    message: "the agent could not be started",
    detail: [`It ended with ${how}.`, ...lastLines(paths.log, logBefore)].join("\n"),
    hint: `Its log: ${paths.log}`,
  });
}

function tooLate(paths: HomePaths): OpError {
  return new OpError("agent-start-failed", {
    message: `the agent did not answer within ${startDeadlineMs / 1000} s of its start`,
    detail: lastLines(paths.log, 0).join("\n"),
    hint: `Its log: ${paths.log}`,
  });
}

function lastLines(file: string, from: number): readonly string[] {
  try {
    const text = readFileSync(file).subarray(from).toString("utf8").trimEnd();
    return text === "" ? [] : text.split("\n").slice(-logLinesShown);
  } catch {
    return [];
  }
}

function notYours(socket: string): OpError {
  return new OpError("agent-unreachable", {
    message: "you may not talk to the agent",
    detail: `Its socket "${socket}" belongs to another user.`,
    hint: "Run this as that user, or set MATRIARCH_HOME to a home of your own.",
  });
}
