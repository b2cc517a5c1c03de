/** Whether a server of this host still makes sessions, for the time when no agent says so. Called by answer.ts. */
import { connect } from "node:net";

/** SSLRequest: the postmaster starts a process to answer it, and logs nothing when the client goes away after that. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export function answersSessions(port: number, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (answers: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers);
    };
    const timer = setTimeout(settle, withinMs, false);
    socket.once("connect", () => socket.write(sslRequest));
    socket.once("data", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}
