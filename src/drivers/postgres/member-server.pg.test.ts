/** The member server on the engines that the tests use: Debian's own, and the embedded binaries of the newest major. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEmbeddedEngine } from "./engine/embedded.ts";
import { findSystemEngine } from "./engine/system.ts";
import { memberServerSuite } from "./suite/suite.ts";

memberServerSuite("system 15", () => findSystemEngine(15));
memberServerSuite("embedded 18", () =>
  ensureEmbeddedEngine(join(tmpdir(), "matriarch-test-engines"), 18, { signal: AbortSignal.timeout(300_000) }),
);
