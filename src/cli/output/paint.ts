/** Colours for one stream. Off with NO_COLOR, with --no-color, and where the stream is no terminal. */
import { styleText } from "node:util";

export type Tone = "good" | "warn" | "bad" | "dim" | "strong" | "plain";
export type Paint = (tone: Tone, text: string) => string;

const formats = { good: "green", warn: "yellow", bad: "red", dim: "dim", strong: "bold" } as const;

export const noPaint: Paint = (_tone, text) => text;

export function createPaint(stream: NodeJS.WriteStream, wanted: boolean): Paint {
  if (!wanted) return noPaint;
  // styleText looks at the stream, NO_COLOR and FORCE_COLOR itself.
  return (tone, text) => (tone === "plain" ? text : styleText(formats[tone], text, { stream, validateStream: true }));
}
