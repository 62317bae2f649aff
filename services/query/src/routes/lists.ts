/** Lists of events: who used a record, whom it was disclosed to, what an agent did. */
import type { Facet, FacetKind } from "@medtrace/shared/ports/projection";
import type { FastifyInstance } from "fastify";
import type { QueryContext } from "../context.ts";
import { knownNames } from "../names.ts";
import { eventPage, type Window } from "../pages.ts";
import { traced } from "../traced.ts";
import type { VerifiedEvent } from "../verified.ts";
import { documented, idParams, READ, windowQuery } from "./schema.ts";

interface EventList {
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly id: string;
  readonly kind: FacetKind & ("record" | "agent");
  readonly keep?: (event: VerifiedEvent) => boolean;
}

const RECORD_ID = "record id: an absolute URL, a urn, or {institution}/{Type}/{id}; URL-encoded";

const LISTS: readonly EventList[] = [
  {
    path: "/v1/records/:id/accesses",
    tag: "records",
    summary: "Every event that names a record",
    id: RECORD_ID,
    kind: "record",
  },
  {
    path: "/v1/records/:id/disclosures",
    tag: "records",
    summary: "Events that gave a record to others",
    id: RECORD_ID,
    kind: "record",
    keep: ({ event }) => event.recipients.length > 0 || event.activity.kind === "disclose",
  },
  {
    path: "/v1/agents/:id/activity",
    tag: "agents",
    summary: "What a person, device, software or institution did, or had done on its behalf",
    id: "agent id, URL-encoded",
    kind: "agent",
  },
];

export function listRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const querystring = windowQuery(ctx);
  for (const { path, tag, summary, id, kind, keep } of LISTS) {
    const schema = documented(tag, summary, { params: idParams(id), querystring });
    app.get<{ Params: { id: string }; Querystring: Window }>(path, { config: READ, schema }, async (request) => {
      const asked = request.params.id;
      return await traced(ctx, request, [asked], async (viewer, isAbout) => {
        const names = await knownNames(ctx, viewer, kind, asked);
        const facets = names.map((value): Facet => ({ kind, value }));
        isAbout(names);
        const list = { name: path, facets, window: request.query, ...(keep === undefined ? {} : { keep }) };
        return await eventPage(ctx, viewer, list);
      });
    });
  }
}
