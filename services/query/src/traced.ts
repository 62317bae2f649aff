/** Queries about records, subjects, agents and events are trace events themselves: noted first, answered then. */
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import type { FastifyRequest } from "fastify";
import type { QueryContext } from "./context.ts";
import { veiled } from "./names.ts";
import type { Viewer } from "./scope.ts";
import { viewerOf } from "./scope.ts";

/** What a query turned out to be about: record ids as events have them, never a clear patient identifier. */
export type About = readonly string[];

/**
 * Works an answer out and notes the query; only what this gives back may be sent. One that finds nothing is noted by a keyed digest of what was asked for, as that may
 * be an identifier of a person.
 *
 * @param asked what the caller asked for, as given.
 * @throws what `work` throws; BUSY or STORAGE_FAILED where the query cannot be noted: then it is not answered.
 */
export async function traced<T>(
  ctx: QueryContext,
  request: FastifyRequest,
  asked: readonly string[],
  work: (viewer: Viewer, isAbout: (about: About) => void) => Promise<T>,
): Promise<T> {
  const { caller } = request;
  const route = `${request.method} ${request.routeOptions.url ?? ""}`;
  let known: About | undefined;
  const isAbout = (about: About): void => {
    known = about;
  };
  const unknown = (): About => asked.map((id) => veiled(ctx, caller.institution, "Unknown", id));
  try {
    const answer = await work(viewerOf(caller), isAbout);
    ctx.trail.note(caller, { route, outcome: "answered", about: known ?? unknown() });
    return answer;
  } catch (error) {
    if (!hasCode(error, "BUSY", "STORAGE_FAILED")) {
      const outcome = isRefusal(error) ? "not-found" : "failed";
      ctx.trail.note(caller, { route, outcome, about: known ?? unknown() });
    }
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof MedtraceError && /^(NOT_FOUND|INPUT_|FORM_|FORBIDDEN)/.test(error.code);
}
