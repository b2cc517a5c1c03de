/**
 * The topics of the manual: what one needs to know across commands. Read by `matriarch help TOPIC`, the man pages and
 * docs/cli.md. Says only what this version does.
 */
import type { Topic } from "./topic.ts";

const concepts: Topic = {
  name: "concepts",
  purpose: "The words that commands, events and status use.",
  blocks: [
    {
      terms: [
        ["cluster", "one logical Postgres: a name, its members, and endpoints that do not change"],
        ["member", "one data directory with its server, on one host; its id (shop-1) is never an address"],
        ["primary, standby", "the member that takes writes, and those that follow it"],
        ["voter", "a standby whose flush can acknowledge a commit, and whose vote can elect a primary"],
        ["epoch", "rises by one with each new primary; what was decided in an older one is refused"],
        ["endpoint", "a port for clients: primary leads to the writable member, read to a standby near by"],
        ["host", "a machine with one agent; one machine is enough, three or more survive the loss of any"],
        ["agent", "the process that looks after the members of its host; servers go on without it"],
        ["store", "where epochs and rules are kept: a file on one host, etcd on several"],
        ["operation", "a change that takes a while: it has steps, and goes on when the command is interrupted"],
        ["event", "one line of what happened, with its cause, who asked for it, and how long it took"],
      ],
    },
    "Most commands are matriarch VERB CLUSTER; what a cluster consists of has a noun before the verb, for example matriarch member list CLUSTER. Results go to stdout, everything else to stderr; --json gives one document.",
    {
      lines: [
        ["matriarch create shop", "a cluster of three members"],
        ["matriarch status shop", "what it is doing"],
        ["matriarch explain shop", "why, and what it survives"],
      ],
    },
  ],
};

const durability: Topic = {
  name: "durability",
  purpose: "When a commit is acknowledged, and what can be lost.",
  blocks: [
    {
      terms: [
        [
          "quorum",
          "a commit waits until enough voters have flushed it. When voters are lost for good it goes on with fewer, and says so. The default with three or more members",
        ],
        ["strict", "the same, but writes wait rather than go on with fewer"],
        ["async", "a commit waits for nobody; what a standby has not got yet is lost with the primary"],
      ],
    },
    "With quorum and strict no acknowledged write is lost by any sequence of crashes, freezes and cuts between hosts: whoever is elected has the votes of standbys that must hold it. When too many fail at once nobody is elected, and explain names the member that is missed.",
    "A commit whose answer did not arrive may have happened or not, as with any Postgres.",
    {
      lines: [
        ["matriarch create shop --durability strict", "chosen when a cluster is made"],
        ["matriarch status shop", "the line commit says for whom commits wait now"],
        ["matriarch failover shop --force --accept-data-loss", "the last resort, for an admin: says what may be lost"],
      ],
    },
  ],
};

const outages: Topic = {
  name: "outages",
  purpose: "What happens when something fails, and what to type.",
  blocks: [
    {
      terms: [
        [
          "a server dies",
          "a standby takes over, usually in well under a second; the old primary comes back as a standby",
        ],
        [
          "a host is lost",
          "the same after about two seconds; after ten minutes its members are made anew on a spare host",
        ],
        [
          "the store is gone",
          "nothing happens to a healthy primary; nothing can be elected or changed until it is back",
        ],
        ["the agent is gone", "servers and sessions go on; nothing fails over on its host until any command starts it"],
        ["the disk is full", "the server ends, and comes back by itself when there is room"],
      ],
    },
    "New connections wait for the next primary instead of failing, for up to 30 seconds; open sessions on the old one are cut, and their transactions are rolled back.",
    {
      lines: [
        ["matriarch explain shop", "first: what each member does and why, and what is missed"],
        ["matriarch events shop --limit 30", "what happened, with how long it took"],
        ["matriarch switchover shop", "move the primary while all is well"],
        ["matriarch failover shop", "elect another one when the primary is lost and nothing happens"],
        ["matriarch pause shop --for 30m", "keep automation out of work by hand"],
      ],
    },
  ],
};

const connecting: Topic = {
  name: "connecting",
  purpose: "URIs, endpoints, passwords and TLS for applications and people.",
  blocks: [
    "A cluster has two endpoints whose ports never change: primary always leads to the writable member, read to a healthy standby near by, or to the primary when there is none. On several hosts every host has both, on the same ports.",
    {
      lines: [
        ["matriarch attach shop --app web --env-file .env", "a database, a user and a URI for an application"],
        ["matriarch uri shop --multi-host", "all hosts in one URI, for drivers that know such"],
        ["matriarch connect shop", "a SQL prompt"],
        ["matriarch tunnel shop 5432 --context prod", "where only the API's port can be reached"],
        ["matriarch user rotate shop web --grace 1h", "a new password, the old one good for an hour"],
      ],
    },
    "A password is shown once, when it is made. Without it in the URI, psql and most drivers take it from PGPASSWORD or ~/.pgpass. User postgres needs none in connect on the member's own machine.",
    "TLS is always offered, and URIs ask for verify-full with the installation's own authority; matriarch uri CLUSTER --ca prints its certificate for another machine.",
  ],
};

const hosts: Topic = {
  name: "hosts",
  purpose: "From one machine to several.",
  blocks: [
    "Without any setting up, the first command makes an installation on this machine alone. Over several machines one host begins and the others join with a token; members are spread over zones, then hosts, and any host answers for all.",
    {
      lines: [
        ["matriarch host init --name a --address 10.0.0.1 --zone z1", "on the first; prints a token"],
        ["matriarch host join TOKEN --name b --address 10.0.0.2 --zone z2", "on each of the others"],
        ["matriarch host list", "what there is, and how it is"],
        ["matriarch host drain b", "move its members elsewhere before work on it"],
        ["matriarch host remove b --lost", "it does not come back"],
      ],
    },
    "Three hosts survive the loss of any one of them. The store, etcd, runs on the first three, or is one that you have (host init --store). From elsewhere commands reach an installation by a context, with a certificate or a token.",
    {
      lines: [
        ["matriarch certificate create --role operator --name ada", "on a host"],
        ["matriarch context add prod --host https://10.0.0.1:7400 --ca-file F --cert F --key F", "elsewhere"],
      ],
    },
  ],
};

export const environment: Topic = {
  name: "environment",
  purpose: "Variables that commands and the agent read, and where state is kept.",
  blocks: [
    {
      terms: [
        [
          "MATRIARCH_HOME",
          "directory of all state; else /var/lib/matriarch for root, else $XDG_DATA_HOME/matriarch (~/.local/share/matriarch)",
        ],
        ["MATRIARCH_HOST", "as --host: agents on other machines, with commas"],
        ["MATRIARCH_CONTEXT", "as --context"],
        ["MATRIARCH_CA_FILE", "certificate of the installation's authority, with MATRIARCH_HOST"],
        ["MATRIARCH_CERT_FILE, MATRIARCH_KEY_FILE", "who you are: a certificate and its key"],
        ["MATRIARCH_TOKEN_FILE, MATRIARCH_TOKEN", "who you are: a token"],
        ["NO_COLOR", "no colours"],
        ["MATRIARCH_DEBUG", "1: an error that nobody expected shows where it happened"],
        ["PGUSER, PGDATABASE, PGPASSWORD", "read by connect, as by psql"],
        ["MATRIARCH_LOG_LEVEL", "of the agent: debug, info, warn or error"],
        ["MATRIARCH_PROMISE_MS", "of the agent: how long a standby's promise binds it, 1500 by default"],
        [
          "MATRIARCH_HOOK_LIMITS",
          "of the agent: how long hooks may take, such as before-promote=3s,after-promote=2min",
        ],
        ["MATRIARCH_ENGINE_CACHE", "of the agent: installed Postgres binaries to use"],
      ],
    },
    "Flags come before the environment, and the environment before the context in use. The agent reads the file agent.json of its home first. Contexts are kept in $XDG_CONFIG_HOME/matriarch (~/.config/matriarch).",
  ],
};

export const exitCodes: Topic = {
  name: "exit-codes",
  purpose: "What the exit code of a command says.",
  blocks: [
    {
      terms: [
        ["0", "done"],
        ["1", "failed"],
        ["2", "usage: the command line is not what the command takes"],
        ["3", "refused, and nothing was changed"],
        ["4", "outcome unknown: look before you repeat it; also Ctrl-C while a change goes on"],
        ["5", "not found: there is no such cluster, member, database …"],
      ],
    },
    'connect has psql\'s exit codes instead, and tunnel --exec those of its command. With --json an error is a document on stdout: {"error": {"code", "message", "detail", "hint"}}; the codes are listed in docs/errors.md.',
  ],
};

export const topics: readonly Topic[] = [concepts, connecting, durability, outages, hosts, environment, exitCodes];
