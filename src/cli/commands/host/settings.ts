/** `matriarch host settings`: its declaration, and what it does when it runs. */
import type { HostSettings } from "../../../contract/host.ts";
import { formatDuration } from "../../../contract/units.ts";
import { command, durationArgument, type Run } from "../../command.ts";

export const hostSettings = (run: Run) =>
  command("settings", "Show or change what holds for all hosts: when members of a lost host are replaced.", [
    ["matriarch host settings", "as they are"],
    ["matriarch host settings --replace-after 30m", "a host that is silent for so long is taken for lost"],
    ["matriarch host settings --replace-after never", "only when somebody says so, with host remove --lost"],
  ])
    .option(
      "--replace-after <duration>",
      "members of a host that is silent for so long are made anew on a spare host: 10s or more, or never (at first: 10m)",
      (text) => (text === "never" ? text : durationArgument(text)),
    )
    .action(({ replaceAfter }) =>
      run(async (context) => {
        const client = await context.client();
        const settings =
          replaceAfter === undefined
            ? await client.hostSettings()
            : await client.changeHostSettings({ replace_after_ms: replaceAfter === "never" ? null : replaceAfter });
        return { json: settings, text: () => renderSettings(settings) };
      }),
    );

function renderSettings({ replace_after_ms: after }: HostSettings): string {
  if (after === null) return "Members of a silent host are not replaced by themselves.";
  return `Members of a host that is silent for ${formatDuration(after)} are replaced on a spare host.`;
}
