/** Projection engines by URL; each is loaded only where it is asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Projection, ProjectorLock } from "@medtrace/shared/ports/projection";

/**
 * Opens a projection: `embedded:FOLDER`, or `mongodb://HOST:PORT/DATABASE?replicaSet=NAME`.
 *
 * @param lock of {@link lockProjection} with the same URL, where blocks are to be applied: once another has taken over,
 * applying is refused with LOCKED.
 * @throws MedtraceError CONFIGURATION for another scheme; otherwise as the engine does.
 */
export async function openProjection(url: string, lock?: ProjectorLock): Promise<Projection> {
  if (isMongodb(url)) {
    const { MongodbProjection } = await import("./mongodb/projection.ts");
    return MongodbProjection.open(url, lock);
  }
  const { EmbeddedProjection } = await import("./embedded/projection.ts");
  return EmbeddedProjection.open(folderOf(url));
}

/**
 * Takes the lock that makes its holder the only projector of this projection, until it is disposed or its process
 * dies. Reading needs no lock.
 *
 * @throws MedtraceError LOCKED while another holds it, CONFIGURATION for an unknown scheme.
 */
export async function lockProjection(url: string): Promise<ProjectorLock> {
  if (isMongodb(url)) {
    const { takeLease } = await import("./mongodb/lease.ts");
    return takeLease(url);
  }
  const { lockFolder } = await import("./embedded/lock.ts");
  return lockFolder(folderOf(url));
}

function isMongodb(url: string): boolean {
  return url.startsWith("mongodb://");
}

function folderOf(url: string): string {
  const folder = url.startsWith("embedded:") ? url.slice("embedded:".length) : "";
  if (folder !== "") return folder;
  throw new MedtraceError("CONFIGURATION", "a projection's URL is embedded:FOLDER or mongodb://HOST:PORT/DATABASE", {
    at: "PROJECTION_URL",
  });
}
