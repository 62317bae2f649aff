/**
 * Events of the same request: client and server each write down one access, and name it by the X-Request-Id that passed
 * between them (IHE BALP). Both are kept; here they find one another.
 */
import { requestRecordId, type TraceEvent } from "@medtrace/shared/model/trace-event";
import type { Facet } from "@medtrace/shared/ports/projection";
import { PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "../context.ts";
import { foundBy } from "../pages.ts";
import { type Viewer, viewFilter } from "../scope.ts";
import type { VerifiedEvent } from "../verified.ts";

/** Others of one request that are told of. */
const OTHERS_MAX = 20;

/** For each event that has any: the ids of others in scope that name the same request, of blocks up to `blockMax`. */
export async function relatedTo(
  ctx: QueryContext,
  viewer: Viewer,
  events: readonly VerifiedEvent[],
  blockMax: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const requests = new Set(events.flatMap(({ event }) => requestOf(event) ?? []));
  const related = new Map<string, readonly string[]>();
  if (requests.size === 0) return related;
  const facets = [...requests].slice(0, PROJECTION_LIMITS.facetsMax).map((value): Facet => ({ kind: "record", value }));
  const { pageMax: limit } = PROJECTION_LIMITS;
  const { events: stored } = await ctx.projection.find({
    facets,
    ...viewFilter(viewer),
    blockMax,
    order: "newest-first",
    limit,
  });
  const byRequest = new Map<string, string[]>();
  for (const one of stored) {
    const checked = await ctx.verifier.check(one, foundBy(facets, viewer));
    const request = checked.state === "verified" ? requestOf(checked.event) : undefined;
    if (request !== undefined) byRequest.set(request, [...(byRequest.get(request) ?? []), checked.id]);
  }
  for (const { id, event } of events) {
    const others = (byRequest.get(requestOf(event) ?? "") ?? []).filter((other) => other !== id);
    if (others.length > 0) related.set(id, others.slice(0, OTHERS_MAX));
  }
  return related;
}

function requestOf({ correlation }: TraceEvent): string | undefined {
  return correlation === undefined ? undefined : requestRecordId(correlation);
}
