/** The cache behind a URL. Engines are loaded when they are asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";

/** Opens `in-process:`. @throws MedtraceError CONFIGURATION for another scheme. */
export async function openCache(url: string): Promise<Cache> {
  if (url === "in-process:") {
    const { openInProcessCache } = await import("./in-process/cache.ts");
    return openInProcessCache();
  }
  throw new MedtraceError("CONFIGURATION", "no cache engine for this URL", { at: "CACHE_URL", hint: "in-process:" });
}
