/** Words of the wrong kind, for every command and every flag that there is: refused before anything is asked of an agent. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createProgram } from "../../src/cli/program.ts";
import { allLeaves, kindOf, words } from "./every-command.ts";

const leaves = allLeaves();

describe("wrong words", () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    count: ["many", "-1", "1e9", "3; rm"],
    duration: ["soon", "5", "-1s"],
    size: ["big", "5", "-1GB"],
    major: ["nine"],
    port: ["none", "99999"],
    command: ["", " "],
    text: ["", " "],
  };

  async function refusal(args: readonly string[]): Promise<string | undefined> {
    let ran = false;
    const program = createProgram(async () => void (ran = true));
    try {
      await program.parseAsync([...args], { from: "user" });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return ran ? undefined : "it ran nothing";
  }

  for (const leaf of leaves) {
    const { command, path } = leaf;
    test(`${path}: what it is given must be of its kind`, async () => {
      assert.equal(await refusal(words(leaf)), undefined, "the words that fit it");
      for (const option of command.options) {
        const values = option.argChoices ? ["nope"] : option.parseArg ? (wrong[kindOf(option) ?? ""] ?? []) : [];
        for (const value of values) {
          const args = words(leaf, { [option.long ?? ""]: value });
          assert.match((await refusal(args)) ?? "was taken", /is invalid|Allowed choices|whole number/, args.join(" "));
        }
      }
      const unknown = words(leaf).toSpliced(path.split(" ").length, 0, "--nope");
      assert.match((await refusal(unknown)) ?? "was taken", /unknown option '--nope/);
      const must = command.registeredArguments.some((argument) => argument.required);
      if (must) assert.match((await refusal(path.split(" "))) ?? "", /missing required argument|not specified/);
    });
  }
});
