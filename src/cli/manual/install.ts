/** `man`: shows a page, or writes all of them to where man looks for them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { OpError } from "../../errors/op-error.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { manPages, type Page } from "./pages.ts";

/** @throws OpError usage when there is none of this name */
export function pageNamed(program: CommandUnknownOpts, wanted: string): Page {
  const pages = manPages(program);
  const found = pages.find(({ name }) => name === wanted || name === `matriarch-${wanted}`);
  if (found) return found;
  throw new OpError("usage", {
    message: `there is no manual page "${wanted}"`,
    detail: `There are: ${pages.map(({ name }) => name.replace("matriarch-", "")).join(", ")}.`,
    hint: "A command of a noun is on the noun's page: matriarch man member",
  });
}

/** On a terminal as man shows it, where there is man; else the page itself. */
export function showPage({ flags }: CommandContext, page: Page): Outcome {
  const asItIs = { json: page, text: () => page.text.trimEnd() };
  if (flags.json || !process.stdout.isTTY) return asItIs;
  const shown = spawnSync("man", ["-l", "-"], { input: page.text, stdio: ["pipe", "inherit", "ignore"] });
  return shown.error === undefined && shown.status === 0 ? { ...asItIs, text: () => "" } : asItIs;
}

/** @param directory that has man1 and man7 below it. @throws OpError home-unwritable */
export function installPages(program: CommandUnknownOpts, directory: string | undefined): Outcome {
  const target = resolve(directory ?? usualDirectory());
  const written = manPages(program).map((page) => write(target, page));
  return {
    json: { directory: target, pages: written },
    text: () => `${written.length} pages are in ${target}.\nRead one with: man -M ${target} matriarch`,
  };
}

function write(target: string, { name, section, text }: Page): string {
  const directory = join(target, `man${section}`);
  const path = join(directory, `${name}.${section}`);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${path}.new`, text, { mode: 0o644 });
    renameSync(`${path}.new`, path);
    return path;
  } catch (cause) {
    throw new OpError("home-unwritable", {
      message: `"${path}" cannot be written`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: "Name another directory with --directory.",
      cause,
    });
  }
}

/** Where man looks without being told: of the machine, or of a user whose path has ~/.local/bin. Source: manpath(1). */
function usualDirectory(): string {
  if (process.getuid?.() === 0) return "/usr/local/share/man";
  return join(process.env["XDG_DATA_HOME"] || join(process.env["HOME"] ?? ".", ".local", "share"), "man");
}
