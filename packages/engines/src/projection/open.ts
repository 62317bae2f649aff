/** Projection engines by URL; each is loaded only where it is asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Projection } from "@medtrace/shared/ports/projection";

/**
 * Opens a projection: `embedded:FOLDER`.
 *
 * @throws MedtraceError CONFIGURATION for another scheme; otherwise as the engine does.
 */
export async function openProjection(url: string): Promise<Projection> {
  const { EmbeddedProjection } = await import("./embedded/projection.ts");
  return EmbeddedProjection.open(folderOf(url));
}

/**
 * Takes the lock that makes its holder the only projector of this projection, until it is disposed or its process
 * dies. Reading needs no lock.
 *
 * @throws MedtraceError LOCKED while another holds it, CONFIGURATION for an unknown scheme.
 */
export async function lockProjection(url: string): Promise<AsyncDisposable> {
  const { lockFolder } = await import("./embedded/lock.ts");
  return lockFolder(folderOf(url));
}

function folderOf(url: string): string {
  const folder = url.startsWith("embedded:") ? url.slice("embedded:".length) : "";
  if (folder !== "") return folder;
  throw new MedtraceError("CONFIGURATION", "a projection's URL is embedded:FOLDER", { at: "PROJECTION_URL" });
}
