/** `matriarch man`: its declaration, and what it does when it runs. */
import { command, type Run } from "../command.ts";

export const man = (run: Run) => {
  const made = command("man", "Show a page of the manual, or install all pages for man.", [
    ["matriarch man switchover", "read one page"],
    ["matriarch man --install", "for man matriarch; as root for everybody, else for you"],
  ])
    .argument("[page]", "command, noun or topic (default: matriarch itself)")
    .option("--install", "write all pages to where man looks for them")
    .option("--directory <directory>", "with --install: where man1 and man7 go")
    .action((page, { install, directory }) =>
      run(async (context) => {
        const { installPages, pageNamed, showPage } = await import("../manual/install.ts");
        const program = made.parent;
        if (program === null) throw new Error("the command stands alone");
        if (install === true || directory !== undefined) return installPages(program, directory);
        return showPage(context, pageNamed(program, page ?? "matriarch"));
      }),
    );
  return made;
};
