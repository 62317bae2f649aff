/** Memory and processor time of processes, sampled from /proc (Linux alone has it). */
import { readdirSync, readFileSync } from "node:fs";
import { slope } from "./figures.ts";

const SAMPLE_MS = 200;
/** Units of processor time in /proc/PID/stat (sysconf's _SC_CLK_TCK, 100 on every Linux that Node runs on). */
const TICK_US = 10_000;

export interface MeteredProcess {
  readonly pid: number;
  /** The service's, or `medtrace` of the process that started them. */
  readonly name: string;
}

/** A process and those that it started. */
export function processesOf(parent: number): readonly MeteredProcess[] {
  const children = readdirOf("/proc").filter(
    (name) => /^\d+$/.test(name) && statusOf(name, /^PPid:\s+(\d+)$/m) === parent,
  );
  return [parent, ...children.map(Number)].map((pid) => ({ pid, name: nameOf(pid) }));
}

export interface Usage {
  readonly name: string;
  /** The largest sample of its resident memory (VmRSS), MB. */
  readonly max_mb: number;
  /** Growth of that in MB per 100,000 events over the later half of the load; undefined of fewer than 10 samples. */
  readonly growth_mb: number | undefined;
  /** Processor time since the meter began, us. */
  readonly processor_us: number;
}

interface Metered extends MeteredProcess {
  readonly samples: [events: number, rss_mb: number][];
  readonly processorAtStart_us: number;
}

/** Samples processes until disposed. */
export class ProcessMeter implements Disposable {
  readonly #processes: readonly Metered[];
  readonly #timer: NodeJS.Timeout;

  /** @param events how many events they had taken when a sample is taken. */
  constructor(processes: readonly MeteredProcess[], events: () => number) {
    this.#processes = processes.map((process) => ({
      ...process,
      samples: [],
      processorAtStart_us: processorOf(process.pid) ?? 0,
    }));
    this.#timer = setInterval(() => {
      for (const { pid, samples } of this.#processes) {
        const rss_kb = statusOf(`${pid}`, /^VmRSS:\s+(\d+) kB$/m);
        if (rss_kb !== undefined) samples.push([events(), rss_kb / 1_024]);
      }
    }, SAMPLE_MS).unref();
  }

  /** Of every process that has been seen, and is there still. */
  usage(): readonly Usage[] {
    return this.#processes.flatMap(({ pid, name, samples, processorAtStart_us }) => {
      const processor_us = processorOf(pid);
      if (processor_us === undefined || samples.length === 0) return [];
      const half = (samples.at(-1)?.[0] ?? 0) / 2;
      const later = samples.filter(([events]) => events > half);
      return {
        name,
        max_mb: Math.max(...samples.map(([, rss_mb]) => rss_mb)),
        growth_mb: later.length < 10 ? undefined : slope(later) * 100_000,
        processor_us: processor_us - processorAtStart_us,
      };
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function readdirOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  return /\/services\/([a-z-]+)\/src\/main\.ts/.exec(textOf(`/proc/${pid}/cmdline`))?.[1] ?? "medtrace";
}

/** User and system time of all its threads; undefined where there is no such process. */
function processorOf(pid: number): number | undefined {
  // The second field, the command in brackets, may hold anything.
  const fields = textOf(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ");
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isNaN(ticks) ? undefined : ticks * TICK_US;
}

function statusOf(pid: string, line: RegExp): number | undefined {
  const value = line.exec(textOf(`/proc/${pid}/status`))?.[1];
  return value === undefined ? undefined : Number(value);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
