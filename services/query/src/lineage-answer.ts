/** Lineage as it is answered: records, edges with the events that prove them, and what these events say. */
import type { BatchRef } from "@medtrace/shared/model/batch";
import { checkProv, type ProvVerdict } from "@medtrace/shared/model/prov/constraints/check";
import type { ProvDocument } from "@medtrace/shared/model/prov/document";
import { type ProvInput, provDocument } from "@medtrace/shared/model/prov/from-events";
import type { TraceAgent } from "@medtrace/shared/model/trace-event";
import type { Result } from "./answers.ts";
import type { QueryContext } from "./context.ts";
import { verifiedEdges } from "./edges.ts";
import { type Bounds, type Direction, shortestPath, traverse } from "./lineage.ts";
import { foundBy } from "./pages.ts";
import { type Viewer, viewFilter } from "./scope.ts";
import { servedEvent } from "./served.ts";
import type { VerifiedEvent } from "./verified.ts";

export interface LineageRequest {
  readonly viewer: Viewer;
  readonly depth: number;
  readonly period: { readonly from?: string; readonly to?: string };
  readonly blockMax: number;
}

/** Edges are kept beside records; more than this many a record would not be read by anyone. */
const EDGES_PER_NODE_MAX = 5;
/** Newest events of the start itself that are told beside those that prove edges. */
const OWN_EVENTS_MAX = 100;

/** An event of the lineage, with the batch that holds it. */
export interface LineageInput extends ProvInput {
  readonly ref: BatchRef;
}

export interface Lineage {
  readonly result: Result;
  readonly inputs: readonly LineageInput[];
  /** The events as one account. */
  readonly account: ProvDocument;
  readonly verdict: ProvVerdict;
  /** Bounds that cut it short. */
  readonly truncated: readonly string[];
}

/**
 * Lineage of a record, and the same events for a PROV document. `constraints` of the body tells what these events break of
 * PROV-CONSTRAINTS, and where their times contradict their order; nothing is left out or moved for it.
 */
export async function lineageOf(
  ctx: QueryContext,
  record: string,
  direction: Direction | "both",
  request: LineageRequest,
): Promise<Lineage> {
  const source = verifiedEdges(ctx, { ...request, ...request.period });
  const directions: Direction[] = direction === "both" ? ["up", "down"] : [direction];
  const { nodes, edges, truncated } = await traverse(source, record, directions, boundsOf(ctx, request.depth));
  const proving = new Set(edges.flatMap((edge) => edge.events));
  const own = await ownEvents(ctx, record, request);
  const events = new Map(own.events.map((event) => [event.id, event]));
  for (const [id, event] of source.events) if (proving.has(id)) events.set(id, event);
  const all = [...events.values()].sort((a, b) => (a.facts.at < b.facts.at ? -1 : Number(a.facts.at > b.facts.at)));
  const failed = new Set([...source.failed, ...own.failed]);
  const inputs = all.map(({ event, facts, ref }) => ({ event, derivations: facts.derivations, ref }));
  const account = provDocument(inputs);
  const verdict = checkProv(account);
  return {
    result: {
      integrityFailures: failed.size,
      body: {
        record,
        direction,
        depth: request.depth,
        truncated,
        nodes,
        edges,
        activities: all.map(servedEvent),
        agents: agentsOf(all),
        moreActivities: own.more,
        failed: [...failed].sort().map((id) => ({ id, state: "integrity-failure" })),
        constraints: verdict,
      },
    },
    inputs,
    account,
    verdict,
    truncated,
  };
}

/** A shortest way between two records; `nodes` is empty where there is none within the bounds. */
export async function pathBetween(
  ctx: QueryContext,
  from: string,
  to: string,
  request: LineageRequest,
): Promise<Result> {
  const source = verifiedEdges(ctx, { ...request, ...request.period });
  const { nodes, edges, truncated } = await shortestPath(source, from, to, boundsOf(ctx, request.depth));
  return {
    body: { from, to, found: nodes.length > 0, nodes, edges, truncated },
    integrityFailures: source.failed.size,
  };
}

function boundsOf(ctx: QueryContext, depth: number): Bounds {
  const { nodesMax, traversal_ms_max } = ctx.settings.limits;
  const now_ms = Date.now;
  return { depth, nodesMax, edgesMax: nodesMax * EDGES_PER_NODE_MAX, until_ms: now_ms() + traversal_ms_max, now_ms };
}

/** The newest events that name the record itself. */
async function ownEvents(
  ctx: QueryContext,
  record: string,
  { viewer, period, blockMax }: LineageRequest,
): Promise<{ readonly events: readonly VerifiedEvent[]; readonly failed: readonly string[]; readonly more: boolean }> {
  const facets = [{ kind: "record", value: record }] as const;
  const page = await ctx.projection.find({
    facets,
    ...viewFilter(viewer),
    ...period,
    blockMax,
    order: "newest-first",
    limit: OWN_EVENTS_MAX,
  });
  const events: VerifiedEvent[] = [];
  const failed: string[] = [];
  for (const stored of page.events) {
    const checked = await ctx.verifier.check(stored, foundBy(facets, viewer));
    if (checked.state === "verified") events.push(checked);
    else failed.push(checked.id);
  }
  return { events, failed, more: page.more };
}

interface LineageAgent extends Pick<TraceAgent, "id" | "kind"> {
  /** Events it took part in, or that were done on its behalf. */
  readonly events: readonly string[];
}

function agentsOf(events: readonly VerifiedEvent[]): LineageAgent[] {
  const agents = new Map<string, { kind: TraceAgent["kind"]; events: Set<string> }>();
  const add = (id: string, kind: TraceAgent["kind"], event: string): void => {
    const known = agents.get(id) ?? { kind, events: new Set() };
    if (known.kind === "unknown") known.kind = kind;
    known.events.add(event);
    agents.set(id, known);
  };
  for (const { id, event } of events) {
    for (const agent of event.agents) {
      add(agent.id, agent.kind, id);
      if (agent.onBehalfOf !== undefined) add(agent.onBehalfOf, "unknown", id);
    }
  }
  return [...agents].map(([id, { kind, events: of }]) => ({ id, kind, events: [...of] }));
}
