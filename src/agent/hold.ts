/** Whether a member keeps the clients of its endpoints waiting, and how. Called by the cluster's loop. */
import type { MemberSeen } from "./endpoints.ts";
import type { MemberLoop } from "./member-loop.ts";

/** For a planned move clients wait from before the stop; a server that is being fenced keeps nobody. */
export function holdOf(loop: MemberLoop): MemberSeen["hold"] {
  if (loop.isBusy("fence")) return "fenced";
  return loop.isBusy("hold-clients", "stop") || loop.memory.intent?.held === true ? "planned" : "no";
}
