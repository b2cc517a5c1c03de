/** A dim label and a text beside it, whose further lines stand below its first. */
import { foldText } from "./help.ts";
import type { Paint, Tone } from "./paint.ts";

export interface Labelled {
  /** with what is left before and after it */
  readonly label: string;
  readonly text: string;
  readonly tone?: Tone;
}

/** In a narrower column a text is better broken by the terminal. */
const roomMin = 20;

/** @param terminal its columns; undefined where it is none */
export function labelled(
  { label, text, tone = "plain" }: Labelled,
  paint: Paint,
  terminal: number | undefined,
): string {
  const room = (terminal ?? Infinity) - label.length;
  const lines = room < roomMin ? [text] : foldText(text, room).split("\n");
  return lines
    .map((line, at) => (at === 0 ? paint("dim", label) : " ".repeat(label.length)) + paint(tone, line))
    .join("\n");
}
