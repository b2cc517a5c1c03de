/**
 * A reporter of node:test that writes failed tests alone: name, place, error. A long run is told at its end by what this
 * wrote, however much the groups after the failed one had to say.
 */
import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";

/** Lines of one error: enough for a transcript's end, little enough for the end of a log. */
const lineLimit = 25;

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter by that name
export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:fail") continue;
    const { name, file, line, details } = event.data;
    // A suite fails because of a test that is told itself.
    if ("failureType" in details.error && details.error.failureType === "subtestsFailed") continue;
    const error = inspect(details.error.cause ?? details.error, { depth: 3 })
      .split("\n")
      .slice(0, lineLimit);
    yield [`✖ ${name} (${file}:${line})`, ...error.map((text) => `  ${text}`), ""].join("\n");
  }
}
