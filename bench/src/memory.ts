/** Memory of processes, sampled from /proc (Linux alone has it). */
import { readdirSync, readFileSync } from "node:fs";
import { slope } from "./figures.ts";

const SAMPLE_MS = 200;

/** A process and those that it started. */
export function processesOf(parent: number): readonly number[] {
  try {
    const children = readdirSync("/proc").filter(
      (name) => /^\d+$/.test(name) && statusOf(name, /^PPid:\s+(\d+)$/m) === parent,
    );
    return [parent, ...children.map(Number)];
  } catch {
    return [parent];
  }
}

/** Samples the VmRSS of whichever process has most, until disposed. */
export class MemoryMeter implements Disposable {
  readonly #samples: [events: number, rss_mb: number][] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param events how many events they had taken when a sample is taken. */
  constructor(pids: readonly number[], events: () => number) {
    this.#timer = setInterval(() => {
      const rss_kb = pids.flatMap((pid) => statusOf(`${pid}`, /^VmRSS:\s+(\d+) kB$/m) ?? []);
      if (rss_kb.length > 0) this.#samples.push([events(), Math.max(...rss_kb) / 1_024]);
    }, SAMPLE_MS).unref();
  }

  /** The largest sample in MB; undefined where there is none. */
  max_mb(): number | undefined {
    return this.#samples.length === 0 ? undefined : Math.max(...this.#samples.map(([, rss_mb]) => rss_mb));
  }

  /** Growth in MB per 100,000 events over the later half of the load; undefined of fewer than 10 samples. */
  growth_mb(): number | undefined {
    const half = (this.#samples.at(-1)?.[0] ?? 0) / 2;
    const later = this.#samples.filter(([events]) => events > half);
    return later.length < 10 ? undefined : slope(later) * 100_000;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function statusOf(pid: string, line: RegExp): number | undefined {
  try {
    const value = line.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}
