/** Events about drains of logs and events. See catalog.ts. */
import { define, megabytes } from "./kind.ts";

export const drainEvents = {
  "drain.added": define<{ drain: string; to: string }>(
    "info",
    "Logs and events are sent on from now on.",
    (e) => `logs and events are sent to ${e.to}`,
  ),
  "drain.removed": define<{ drain: string; to: string }>(
    "info",
    "Logs and events are not sent there any more.",
    (e) => `logs and events are not sent to ${e.to} any more`,
  ),
  "drain.failing": define<{ drain: string; to: string; reason: string }>(
    "warning",
    "A receiver of logs takes nothing for 30 s. It is tried again by itself; meanwhile the log files keep what it misses, as far as their bounds go. See `matriarch drain test ID`.",
    (e) => `${e.to} takes no logs: ${e.reason}`,
  ),
  "drain.works": define<{ drain: string; to: string }>(
    "info",
    "A receiver of logs that had failed takes them again, from where it was.",
    (e) => `${e.to} takes logs again`,
  ),
  "drain.dropped": define<{ drain: string; to: string; bytes: number; rejected: number }>(
    "error",
    "Lines of logs were never sent: their files reached the bound of what is kept before the receiver took them, or the receiver refused them for good. Keep more with --log-keep-mb.",
    (e) =>
      `lines were dropped on the way to ${e.to}: ${megabytes(e.bytes)} of log files removed unsent, ${e.rejected} lines refused`,
  ),
};
