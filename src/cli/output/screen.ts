/**
 * A picture that is redrawn in place on the terminal's second screen; the last one stays on the first screen when it
 * closes. Lines are written over, and what is left is cleared after, so that nothing flickers.
 */
export interface Screen {
  draw(text: string): void;
  /** a line below the picture, until the next one */
  foot(text: string): void;
  close(): void;
}

const enter = "\u001b[?1049h\u001b[?25l\u001b[2J";
const leave = "\u001b[?25h\u001b[?1049l";
// Terminals that know synchronized output show the whole picture at once; the others ignore it.
const begin = "\u001b[?2026h\u001b[H";
const end = "\u001b[J\u001b[?2026l";

export function createScreen(stream: NodeJS.WriteStream): Screen {
  let picture = "";
  let foot = "";
  let isOpen = true;
  const redraw = () => {
    const note = foot === "" ? "Ctrl-C ends this." : foot;
    const lines = `${picture}\n\n${note}`.split("\n").slice(0, Math.max(1, stream.rows - 1));
    stream.write(`${begin}${lines.map((line) => `${line}\u001b[K`).join("\n")}\n${end}`);
  };
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    stream.removeListener("resize", redraw);
    process.removeListener("exit", close);
    stream.write(`${leave}${picture === "" ? "" : `${picture}\n`}`);
  };
  stream.write(enter);
  stream.on("resize", redraw);
  process.once("exit", close);
  return {
    draw(text) {
      picture = text;
      foot = "";
      redraw();
    },
    foot(text) {
      foot = text;
      redraw();
    },
    close,
  };
}
