/** The key provider behind a URL. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { KeyProvider } from "@medtrace/shared/ports/vault";

/** Opens `file:FOLDER`. @throws MedtraceError CONFIGURATION for another scheme. */
export async function openKeyProvider(url: string): Promise<KeyProvider> {
  if (url.startsWith("file:") && url.length > "file:".length) {
    const { openFileKeyProvider } = await import("./file.ts");
    return openFileKeyProvider(url.slice("file:".length));
  }
  throw new MedtraceError("CONFIGURATION", "no key provider for this URL", { at: "KEYS_URL", hint: "file:FOLDER" });
}
