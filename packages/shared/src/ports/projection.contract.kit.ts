/** What the parts of the projection's contract suite share. */
import { hasCode } from "../errors.ts";
import type { Projection } from "./projection.ts";

/** Storage for one projection, empty at first; disposing removes it. */
export interface ProjectionStorage extends AsyncDisposable {
  /** What {@link ProjectionHarness.module} opens it by. */
  readonly url: string;
  /** Opens it: again after a close, or once more beside another. */
  open(): Promise<Projection>;
}

export interface ProjectionHarness {
  create(): Promise<ProjectionStorage>;
  /** Module with `openProjection(url)`, for a child process that is killed. */
  readonly module: URL;
}

/** Runs `use` over an empty projection. */
export async function withProjection(
  harness: ProjectionHarness,
  use: (projection: Projection) => Promise<void>,
): Promise<void> {
  await using storage = await harness.create();
  await using projection = await storage.open();
  await use(projection);
}

export async function contentOf(projection: Projection): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of projection.content()) lines.push(line);
  return lines;
}

/** Ids of the first 1,000 events, oldest first. */
export async function idsOf(projection: Projection): Promise<string[]> {
  const { events } = await projection.find({ facets: [], order: "oldest-first", limit: 1_000 });
  return events.map((event) => event.id);
}

export const integrity = (error: unknown): boolean => hasCode(error, "INTEGRITY");
export const invalid = (error: unknown): boolean => hasCode(error, "INPUT_INVALID");
