/** FHIR on the query side: IHE ITI-81 Retrieve ATNA Audit Event, as a search and as a read of AuditEvents. */
import { addCapability } from "@medtrace/service-kit/capability";
import { answerOutcome, FHIR_JSON, releaseToAnswer } from "@medtrace/service-kit/fhir";
import { MedtraceError } from "@medtrace/shared/errors";
import { subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { standingAt } from "../answers.ts";
import { consentStandings } from "../consents.ts";
import type { QueryContext } from "../context.ts";
import { eventState } from "../event-state.ts";
import { veiled } from "../names.ts";
import { eventRecordId } from "../routes/events.ts";
import { documented, idParams, READ } from "../routes/schema.ts";
import { notFound, scopeKey, type Viewer } from "../scope.ts";
import { traced } from "../traced.ts";
import { auditEventOf } from "./audit-event.ts";
import { searchset } from "./bundle.ts";
import { type Criterion, criteriaOf, needsUnsealing } from "./criteria.ts";
import { findPage, opened, type Reader, type Search } from "./find.ts";
import { type PageOf, pageLink, pageOf } from "./page-link.ts";
import { PARAMETERS, type Request, readParameters, refused, SEARCH_CHARACTERS_MAX } from "./parameters.ts";
import { relatedTo } from "./related.ts";
import { selfQuery } from "./self.ts";

const FORM = "application/x-www-form-urlencoded";
const COUNT_DEFAULT = 100;

/** Adds the routes, in a context whose errors are OperationOutcomes. */
export async function fhirRoutes(server: FastifyInstance, ctx: QueryContext): Promise<void> {
  await server.register(async (app) => {
    app.setErrorHandler(answerOutcome);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(FORM, app.wholeBody(SEARCH_CHARACTERS_MAX));
    addCapability(app, {
      title: "medtrace query",
      description: "AuditEvents of every use of medical data that this server has traced (IHE ITI-81)",
      resources: { AuditEvent: described() },
    });
    const schema = documented("FHIR", "Search AuditEvents (IHE ITI-81)");
    app.get("/fhir/AuditEvent", { config: READ, schema }, (request, reply) => search(ctx, request, reply));
    const posted = documented("FHIR", "Search AuditEvents; identifiers of patients belong into a body");
    app.post("/fhir/AuditEvent/_search", { config: READ, schema: posted }, (request, reply) =>
      search(ctx, request, reply),
    );
    const one = documented("FHIR", "One AuditEvent", { params: idParams("event id, 64 hex digits") });
    app.get<{ Params: { id: string }; Querystring: { _format?: string } }>(
      "/fhir/AuditEvent/:id",
      { config: READ, schema: one },
      async (request, reply) => {
        const release = releaseToAnswer(request.headers.accept, request.query._format);
        const resource = await traced(ctx, request, [request.params.id], async (viewer, isAbout) => {
          const reader = readerOf(request, viewer);
          const state = await eventState(ctx, viewer, request.params.id);
          if (state.state === "accepted" || state.state === "anchored") throw notFound("it is on its way: ask again");
          if (state.state !== "verified") {
            throw new MedtraceError("INTEGRITY", "the event is not stored as the ledger has it");
          }
          const { event } = state.event;
          isAbout([eventRecordId(event.id), ...event.subjects.map(subjectRecordId)]);
          const { height } = await ctx.standing();
          const related = (await relatedTo(ctx, viewer, [state.event], height - 1)).get(event.id) ?? [];
          const sealed = await opened(ctx, reader, event);
          const consents = await consentStandings(ctx, viewer, state.event, height - 1);
          return auditEventOf({ event, release, reader: reader.institution, sealed, related, consents });
        });
        return reply.type(FHIR_JSON).send(JSON.stringify(resource));
      },
    );
  });
}

/** What the CapabilityStatement says of AuditEvents beside their interactions. */
function described(): object {
  const searchParam = Object.entries(PARAMETERS)
    .filter(([, { alias }]) => alias === undefined)
    .map(([name, { type, documentation }]) => ({ name, type, documentation }));
  return { versioning: "no-version", searchParam };
}

async function search(ctx: QueryContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const [, inUrl = ""] = /^[^?]*\?(.*)$/s.exec(request.url) ?? [];
  const inBody = Buffer.isBuffer(request.body) ? request.body.toString("utf8") : "";
  const lenient = /(?:^|[,;\s])handling\s*=\s*lenient/i.test(String(request.headers["prefer"] ?? ""));
  const asked = readParameters([inUrl, inBody], lenient);
  const release = releaseToAnswer(request.headers.accept, asked.answer["_format"]);
  const values = asked.given.flatMap((given) => given.values);
  const bundle = await traced(ctx, request, values, async (viewer, isAbout) => {
    const reader = readerOf(request, viewer);
    const scope = `${scopeKey(viewer)} ${reader.unseals}`;
    const page = await pageAsked(ctx, reader, scope, asked);
    refuseUnsealing(reader, page.search.criteria);
    const standing = await standingAt(ctx, page.place?.asOf);
    const blockMax = standing.height - 1;
    const found = await findPage(ctx, reader, page.search, blockMax, page.place);
    isAbout(aboutOf(ctx, reader, page.search.criteria, found.found));
    const last = found.last;
    return searchset({
      ...found,
      release,
      reader: reader.institution,
      base: `${request.protocol}://${request.host}/fhir`,
      standing,
      related: await relatedTo(
        ctx,
        viewer,
        found.found.map(({ event }) => event),
        blockMax,
      ),
      self: selfQuery(page.search, asked),
      ...(last === undefined
        ? {}
        : {
            next: nextQuery(
              pageLink(ctx.keys, scope, { search: page.search, place: { asOf: standing.height, ...last } }),
              asked,
            ),
          }),
      ignored: asked.ignored,
    });
  });
  return reply.type(FHIR_JSON).send(JSON.stringify(bundle));
}

/** The next page is asked for in the same form. */
function nextQuery(page: string, { answer }: Request): string {
  const format = answer["_format"];
  return new URLSearchParams({ ...(format === undefined ? {} : { _format: format }), _page: page }).toString();
}

function readerOf({ caller }: FastifyRequest, viewer: Viewer): Reader {
  return { ...viewer, unseals: caller.scopes.has("trace/unseal") };
}

/** The page that is asked for: the first of a search, or one that a link names. */
async function pageAsked(
  ctx: QueryContext,
  reader: Reader,
  scope: string,
  { given, answer }: Request,
): Promise<{ readonly search: Search; readonly place?: PageOf["place"] }> {
  const page = answer["_page"];
  if (page !== undefined) {
    if (given.length > 0) throw refused("_page", "stands beside parameters of a search", "follow the link as it is");
    return pageOf(ctx.keys, scope, page);
  }
  const summary = answer["_summary"] ?? "false";
  if (summary !== "false") throw refused("_summary", "is not one that is answered", "leave it out");
  const order = ORDERS[answer["_sort"] ?? "-date"];
  if (order === undefined) throw refused("_sort", "is not an order that is answered", "send date or -date");
  return { search: { criteria: await criteriaOf(ctx, reader, given), order, count: countOf(ctx, answer["_count"]) } };
}

const ORDERS: Readonly<Record<string, Search["order"]>> = { date: "oldest-first", "-date": "newest-first" };

function countOf(ctx: QueryContext, text: string | undefined): number {
  if (text === undefined) return Math.min(COUNT_DEFAULT, ctx.settings.limits.pageMax);
  if (!/^\d{1,9}$/.test(text)) throw refused("_count", "wants a whole number", "such as 50");
  return Math.min(Number(text), ctx.settings.limits.pageMax);
}

function refuseUnsealing({ unseals }: Reader, criteria: readonly Criterion[]): void {
  if (unseals || !criteria.some(needsUnsealing)) return;
  throw new MedtraceError("FORBIDDEN", "this parameter searches what is sealed", {
    at: "scope",
    hint: "ask for a token with the scope trace/unseal",
  });
}

/**
 * Everything that was asked about, and everyone whose traces were shown. What nothing was found by may be an identifier
 * of a person: it is noted by a keyed digest.
 */
function aboutOf(
  ctx: QueryContext,
  reader: Reader,
  criteria: readonly Criterion[],
  found: Awaited<ReturnType<typeof findPage>>["found"],
): string[] {
  const known = new Set(found.flatMap(({ event }) => event.facts.facets.map(({ value }) => value)));
  const named = criteria.flatMap((criterion) => {
    if (criterion.kind === "id") return found.map(({ event }) => eventRecordId(event.id));
    if (criterion.kind !== "named") return [];
    return criterion.any.flatMap(({ ids, token }) => {
      if (token !== undefined) return [subjectRecordId(token)];
      const met = ids.filter((id) => known.has(id));
      return met.length > 0 ? met : ids.slice(0, 1).map((id) => veiled(ctx, reader.institution, "Unknown", id));
    });
  });
  const shown = found.flatMap(({ event }) => event.event.subjects.map(subjectRecordId));
  return [...new Set([...named, ...shown])];
}
