/** A progress bar on a terminal; nothing anywhere else. */
import type { Cli } from "./cli.ts";

export interface Bar {
  /** Where it stands, from 0 to 1, and a word on it. */
  show(done: number, text: string): void;
  /** Takes the bar away, so that other lines can be written. */
  clear(): void;
}

const WIDTH = 30;
const REDRAW_MS = 100;

export function createBar(cli: Cli, wanted: boolean): Bar {
  if (!wanted || !cli.watched) return { show: () => undefined, clear: () => undefined };
  let drawn_ms = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    show: (done, text) => {
      if (performance.now() - drawn_ms < REDRAW_MS && done < 1) return;
      drawn_ms = performance.now();
      const full = Math.round(Math.min(1, Math.max(0, done)) * WIDTH);
      cli.err(`\r\x1b[K[${"#".repeat(full)}${".".repeat(WIDTH - full)}] ${Math.floor(done * 100)} % ${text}`);
      drawn = true;
    },
    clear: () => {
      if (drawn) cli.err("\r\x1b[K");
      drawn = false;
    },
  };
}
