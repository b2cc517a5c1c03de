/**
 * The agents of an installation on other machines: any of them answers for the whole, so the first that can be reached
 * is taken, and remembered for the next call of the same command. Made by context.ts, used by transport.ts.
 */
import { connect, type TLSSocket } from "node:tls";

import { usualPort } from "../../config/contexts.ts";
import { OpError } from "../../errors/op-error.ts";
import { notHost } from "../../links/peer-identity.ts";

export interface Remote {
  readonly hosts: readonly URL[];
  /** where what follows was read */
  readonly caFile: string;
  readonly ca: Buffer;
  readonly certificate: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly token: string | undefined;
  /** the certificate is of the host that the command runs on: who may read its key is an admin */
  readonly isOwnHost?: boolean;
}

/** A host that is lost answers nothing at all; the last one gets more time, because there is no other. */
const dialMs = 1000;
const lastDialMs = 5000;

export class RemoteAgent {
  readonly remote: Remote;
  #first = 0;

  constructor(remote: Remote) {
    this.remote = remote;
  }

  /** The host that is asked first. */
  get host(): URL {
    return at(this.remote.hosts, this.#first);
  }

  /** A connection to the first host that answers, with its certificate checked. @throws OpError agent-unreachable */
  async dial(signal: AbortSignal): Promise<TLSSocket> {
    const { hosts } = this.remote;
    const problems: string[] = [];
    for (let turn = 0; turn < hosts.length; turn += 1) {
      const host = this.host;
      try {
        return await dialHost(this.remote, host, turn === hosts.length - 1 ? lastDialMs : dialMs, signal);
      } catch (error) {
        if (signal.aborted) {
          throw new OpError("agent-unreachable", {
            message: "the hosts did not answer in time",
            detail: "Nothing was changed.",
            cause: error,
          });
        }
        problems.push(`${host.origin}: ${error instanceof Error ? error.message : String(error)}.`);
        this.passOver();
      }
    }
    throw new OpError("agent-unreachable", {
      message: hosts.length === 1 ? "the host does not answer" : "none of the hosts answers",
      detail: `${problems.join("\n")}\nNothing was changed.`,
      hint: "On a host itself, matriarch talks to its agent without the network. Clusters go on without either.",
    });
  }

  /** The host that was asked first did not answer: the next one is asked first from now on. */
  passOver(): void {
    this.#first = (this.#first + 1) % this.remote.hosts.length;
  }
}

function dialHost({ ca, certificate }: Remote, host: URL, withinMs: number, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const name = host.hostname.replace(/^\[|\]$/g, "");
    const socket = connect({
      host: name,
      port: Number(host.port || usualPort),
      ca,
      ...certificate,
      minVersion: "TLSv1.3",
      // Any host of the installation may answer, by whatever address it is reached.
      checkServerIdentity: (_name, found) => notHost(undefined, found),
    });
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(new Error("given up"));
    const timer = setTimeout(() => fail(new Error(`no answer within ${withinMs} ms`)), withinMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.removeListener("error", fail);
      // Whoever takes the socket over hears of what happens later.
      socket.on("error", () => {});
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) return abort();
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      settle();
      resolve(socket);
    });
  });
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
}
