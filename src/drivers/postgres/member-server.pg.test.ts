/** The member server on the engines that the tests have: the embedded binaries, and what the machine has installed. */
import { testEngines } from "./provision/testing.ts";
import { memberServerSuite } from "./suite/suite.ts";

for (const engine of await testEngines()) memberServerSuite(engine);
