/** Where text stops being JSON (RFC 8259). V8 says so only sometimes, and then in words that quote the input. */

const WHITE: ReadonlySet<string> = new Set([" ", "\t", "\n", "\r"]);
const ESCAPED: ReadonlySet<string> = new Set(['"', "\\", "/", "b", "f", "n", "r", "t"]);
const WORDS: readonly string[] = ["true", "false", "null"];
const HEX = /^[0-9a-fA-F]$/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A number that breaks off: what of it could still have gone on. */
const NUMBER_START = /-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d*)?)?/y;

type Wanted = "value" | "value or ]" | "name" | "name or }" | "colon" | "comma or end";

/** Offset of the first character that no JSON text could have there; the text's length where it breaks off. */
export function jsonFault(text: string): number {
  const open: ("{" | "[")[] = [];
  let wanted = "value" as Wanted;
  let at = 0;
  for (;;) {
    while (WHITE.has(text.charAt(at))) at++;
    const character = text.charAt(at);
    if (character === "") return at;
    if (wanted === "comma or end") {
      const within = open.at(-1);
      if (within === undefined) return at;
      if (character === ",") wanted = within === "{" ? "name" : "value";
      else if (character === (within === "{" ? "}" : "]")) open.pop();
      else return at;
      at++;
    } else if (wanted === "colon") {
      if (character !== ":") return at;
      wanted = "value";
      at++;
    } else if ((character === "}" && wanted === "name or }") || (character === "]" && wanted === "value or ]")) {
      open.pop();
      wanted = "comma or end";
      at++;
    } else if (character === '"') {
      const end = stringEnd(text, at);
      if (!end.whole) return end.at;
      at = end.at;
      wanted = wanted === "name" || wanted === "name or }" ? "colon" : "comma or end";
    } else if (wanted === "name" || wanted === "name or }") {
      return at;
    } else if (character === "{" || character === "[") {
      open.push(character);
      wanted = character === "{" ? "name or }" : "value or ]";
      at++;
    } else {
      const end = scalarEnd(text, at);
      if (!end.whole) return end.at;
      at = end.at;
      wanted = "comma or end";
    }
  }
}

interface End {
  /** One past the token, or where it goes wrong. */
  readonly at: number;
  readonly whole: boolean;
}

function stringEnd(text: string, start: number): End {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return { at: at + 1, whole: true };
    if (character < " ") return { at, whole: false };
    if (character !== "\\") continue;
    at++;
    if (text.charAt(at) === "u") {
      for (let digit = 0; digit < 4; digit++) if (!HEX.test(text.charAt(++at))) return { at, whole: false };
    } else if (!ESCAPED.has(text.charAt(at))) return { at, whole: false };
  }
  return { at: text.length, whole: false };
}

function scalarEnd(text: string, start: number): End {
  for (const word of WORDS) {
    if (text.charAt(start) !== word.charAt(0)) continue;
    for (let i = 1; i < word.length; i++) {
      if (text.charAt(start + i) !== word.charAt(i)) return { at: start + i, whole: false };
    }
    return { at: start + word.length, whole: true };
  }
  const whole = matched(NUMBER, text, start);
  const begun = matched(NUMBER_START, text, start);
  return whole === begun && whole > 0 ? { at: start + whole, whole: true } : { at: start + begun, whole: false };
}

function matched(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.exec(text)?.[0].length ?? 0;
}

/** `line L, column C` of an offset, both from 1. */
export function lineAndColumn(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let newline = text.indexOf("\n"); newline !== -1 && newline < offset; newline = text.indexOf("\n", start)) {
    line++;
    start = newline + 1;
  }
  return `line ${line}, column ${offset - start + 1}`;
}
