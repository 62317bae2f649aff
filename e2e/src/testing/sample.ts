/** A folder of our own generator's traffic, and who is named in it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { medtrace } from "./medtrace.ts";

export interface Sample {
  readonly folder: string;
  /** Medical record numbers, health numbers and family names of every patient, as the messages spell them. */
  readonly identifying: readonly string[];
}

/** Writes some seconds of simulated traffic into a folder. */
export async function sample(folder: string, seconds = 20, seed = "e2e"): Promise<Sample> {
  const ran = await medtrace([
    "simulate",
    "--out",
    folder,
    "--rate",
    "50",
    "--seconds",
    String(seconds),
    "--seed",
    seed,
  ]);
  if (ran.code !== 0) throw new Error(ran.stderr);
  const identifying = new Set<string>();
  for (const path of await filesIn(folder)) {
    const text = await readFile(path, "utf8");
    for (const pid of text.matchAll(/^PID\|[^|]*\|[^|]*\|([^|]*)\|[^|]*\|([^|]*)/gm)) {
      for (const identifier of (pid[1] ?? "").split("~")) identifying.add(identifier.split("^")[0] ?? "");
      identifying.add((pid[2] ?? "").split("^").slice(0, 2).join("^"));
    }
  }
  return { folder, identifying: [...identifying].filter((value) => value.length >= 6) };
}

/** Every file below a folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
