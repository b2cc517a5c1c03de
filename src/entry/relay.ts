/**
 * The program of the relay process. Arguments: the path of the control socket and of the log file. Environment:
 * MATRIARCH_VERSION, MATRIARCH_READY_FD. Started by drivers/relay/.
 */
import { runRelay } from "../relay/main.ts";

const [controlPath, logPath] = process.argv.slice(2);
if (controlPath === undefined) {
  process.stderr.write("usage: relay CONTROL-SOCKET [LOG-FILE]\n");
  process.exit(2);
}
const readyFd = process.env["MATRIARCH_READY_FD"];
await runRelay({
  controlPath,
  logPath,
  version: process.env["MATRIARCH_VERSION"] ?? "0",
  ...(readyFd === undefined ? {} : { readyFd: Number(readyFd) }),
});
