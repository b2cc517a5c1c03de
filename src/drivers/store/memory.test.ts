import { MemoryStore } from "./memory.ts";
import { storeSuite } from "./suite.ts";

storeSuite("memory", () => new MemoryStore());
