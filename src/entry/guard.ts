/**
 * The program of the guard process. Arguments: the files of the authority, of this host's certificate and of its key, the
 * file of known servers, the control socket, the log file. Environment: MATRIARCH_VERSION, MATRIARCH_READY_FD. Started by
 * drivers/guard/.
 */
import { runGuard } from "../guard/main.ts";

const [caFile, certFile, keyFile, serversPath, controlPath, logPath] = process.argv.slice(2);
if (!caFile || !certFile || !keyFile || !serversPath || !controlPath) {
  process.stderr.write("usage: guard CA-FILE CERT-FILE KEY-FILE SERVERS-FILE CONTROL-SOCKET [LOG-FILE]\n");
  process.exit(2);
}
const readyFd = process.env["MATRIARCH_READY_FD"];
await runGuard({
  tls: { caFile, certFile, keyFile },
  serversPath,
  controlPath,
  logPath,
  version: process.env["MATRIARCH_VERSION"] ?? "0",
  ...(readyFd === undefined ? {} : { readyFd: Number(readyFd) }),
});
