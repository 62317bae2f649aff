/**
 * The consents that a use relied on, and whether each stood when the use happened: as its own source says, where the
 * consent came with it; else as the trace of the consent says, up to then.
 */
import type { ConsentState, TraceEvent } from "@medtrace/shared/model/trace-event";
import type { Facet } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "./context.ts";
import { foundBy } from "./pages.ts";
import { type Viewer, viewFilter } from "./scope.ts";
import type { VerifiedEvent } from "./verified.ts";

export interface ConsentStanding {
  /** Record id of the consent. */
  readonly consent: string;
  /** Version that the use names, else the last that the trace shows until then. */
  readonly version?: string;
  /** `unknown`: nothing that the viewer may see tells its status. */
  readonly stood: "yes" | "no" | "unknown";
  /** The event that tells it: the use itself, or the last change of the consent before it. */
  readonly because?: string;
}

/** Changes of a consent that are looked at, newest first. */
const CHANGES_MAX = 100;
/** Consents of one event that are looked up. */
const CONSENTS_MAX = 20;

/** How each consent of an event stood, by blocks up to `blockMax`; empty where it names none. */
export async function consentStandings(
  ctx: QueryContext,
  viewer: Viewer,
  use: VerifiedEvent,
  blockMax: number,
): Promise<readonly ConsentStanding[]> {
  const standings: ConsentStanding[] = [];
  for (const consent of use.event.consents.slice(0, CONSENTS_MAX)) {
    standings.push(await standingOf(ctx, viewer, use, consent, blockMax));
  }
  return standings;
}

async function standingOf(
  ctx: QueryContext,
  viewer: Viewer,
  use: VerifiedEvent,
  consent: string,
  blockMax: number,
): Promise<ConsentStanding> {
  const { at } = use.facts;
  const named = use.event.records.find(({ id }) => id === consent)?.version;
  const own = stateIn(use.event, consent);
  if (own !== undefined) return { ...told(consent, named ?? own.version, stands(own, at)), because: use.id };
  const facets: Facet[] = [{ kind: "record", value: consent }];
  const { events } = await ctx.projection.find({
    facets,
    ...viewFilter(viewer),
    to: new Date(Date.parse(at) + 1).toISOString(),
    blockMax,
    order: "newest-first",
    limit: CHANGES_MAX,
  });
  let version = named;
  for (const stored of events) {
    const checked = await ctx.verifier.check(stored, foundBy(facets, viewer));
    if (checked.state !== "verified" || checked.id === use.id || checked.event.outcome !== "success") continue;
    const record = checked.event.records.find(({ id }) => id === consent);
    if (record?.role === "invalidated") return { ...told(consent, version, "no"), because: checked.id };
    const changed = record?.role === "generated" || record?.role === "revised";
    const state = stateIn(checked.event, consent);
    if (changed) version ??= state?.version ?? record?.version;
    if (state !== undefined)
      return { ...told(consent, version ?? state.version, stands(state, at)), because: checked.id };
    // It was changed, and nothing says into what: what came before says nothing any more.
    if (changed) return { ...told(consent, version, "unknown"), because: checked.id };
  }
  return told(consent, version, "unknown");
}

function told(consent: string, version: string | undefined, stood: ConsentStanding["stood"]): ConsentStanding {
  return { consent, ...(version === undefined ? {} : { version }), stood };
}

function stateIn({ consentStates = [] }: TraceEvent, consent: string): ConsentState | undefined {
  return consentStates.find(({ id }) => id === consent);
}

function stands({ status, from, to }: ConsentState, at: string): "yes" | "no" {
  return status === "active" && (from === undefined || from <= at) && (to === undefined || at <= to) ? "yes" : "no";
}
