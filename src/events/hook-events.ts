/** Events about hooks, the user's own programs at the turns of a server. See catalog.ts. */
import { define } from "./kind.ts";

export const hookEvents = {
  "hook.failed": define<{ hook: string; reason: string; output: string }>(
    "warning",
    "A hook ended badly, or was killed at its limit. What it was run for went on without it. The details hold the end of what it printed.",
    (e) => `hook "${e.hook}" of "${e.member}" failed: ${e.reason}`,
  ),
  "hook.misplaced": define<{ problems: string }>(
    "warning",
    "When the agent started, the directory of hooks held programs that will not be run: misspelled ones, or ones that somebody else could change. matriarch check says the same at any time.",
    (e) => `not all hooks will be run: ${e.problems}`,
  ),
  "hook.refused": define<{ hook: string; reason: string }>(
    "warning",
    "A hook was not run, because somebody else could have changed it, it is not executable, or others ran too long before it. Correct what is said; it is looked at again the next time.",
    (e) => `hook "${e.hook}" of "${e.member}" was not run: ${e.reason}`,
  ),
};
