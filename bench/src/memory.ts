/** Memory of a process, sampled from /proc (Linux alone has it). */
import { readFileSync } from "node:fs";
import { slope } from "./figures.ts";

const SAMPLE_MS = 200;

/** Samples VmRSS until disposed. */
export class MemoryMeter implements Disposable {
  readonly #samples: [events: number, rss_mb: number][] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param events how many events the process had taken when a sample is taken. */
  constructor(pid: number, events: () => number) {
    this.#timer = setInterval(() => {
      const rss_mb = readRss(pid);
      if (rss_mb !== undefined) this.#samples.push([events(), rss_mb]);
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

function readRss(pid: number): number | undefined {
  try {
    const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kb === undefined ? undefined : Number(kb) / 1_024;
  } catch {
    return undefined;
  }
}
