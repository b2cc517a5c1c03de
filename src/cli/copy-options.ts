/** Options of the commands that make a new cluster of a copy of another one: what the new one is like. */
import { InvalidArgumentError, type Command, type OptionValues } from "@commander-js/extra-typings";
import { countArgument, durationArgument } from "./command.ts";

/** @returns the command, with them after its own */
export function withCopyOptions<Words extends unknown[], Own extends OptionValues, All extends OptionValues>(
  made: Command<Words, Own, All>,
) {
  return made
    .option("--members <count>", "how many members the new one has, 1 to 16 (default: 1)", countArgument(1, 16))
    .option("--expires <duration>", "destroy it by itself after this time, for example 7d", lifetime)
    .option("--anonymize <script>", "SQL file to run before anybody can connect, or - for stdin")
    .option("--database <database>", "in which the script runs (default: postgres)")
    .option(
      "--port <port>",
      "port of the primary endpoint; read takes the next (default: free ones)",
      countArgument(1, 65_534),
    )
    .option("--password-file <file>", "file with the password of user postgres, or - for stdin (default: a new one)")
    .option("--detach", "return at once; the work goes on");
}

/** The agent looks once a minute. */
function lifetime(text: string): number {
  const ms = durationArgument(text);
  if (ms < 60_000) throw new InvalidArgumentError("It must be at least a minute.");
  return ms;
}
