/** Where a record came from and where it went, as JSON or as W3C PROV. */
import { idOfIri } from "@medtrace/shared/model/prov/names";
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Answer, answer, standingAt } from "../answers.ts";
import type { QueryContext } from "../context.ts";
import { acceptedFormat, FORMATS, type Format, type ProvFormat } from "../formats.ts";
import { type LineageRequest, lineageOf, pathBetween } from "../lineage-answer.ts";
import { knownNames } from "../names.ts";
import { periodOf } from "../pages.ts";
import { type Bundling, lineageText, type ProvAnswer } from "../prov-answer.ts";
import { provLinks, SERVICE_PATH, serviceDescription } from "../prov-links.ts";
import type { Viewer } from "../scope.ts";
import { traced } from "../traced.ts";
import { depthQuery, documented, idParams, READ, traversalQuery } from "./schema.ts";

interface LineageQuery {
  readonly direction?: "up" | "down" | "both";
  readonly depth?: number;
  readonly from?: string;
  readonly to?: string;
  readonly asOf?: number;
  readonly format?: Format;
  readonly bundles?: Bundling;
}

interface PathQuery {
  readonly from: string;
  readonly to: string;
  readonly depth?: number;
  readonly asOf?: number;
}

const DEPTH_DEFAULT = 3;

export function lineageRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const querystring = traversalQuery(ctx, {
    direction: { type: "string", enum: ["up", "down", "both"] },
    format: { type: "string", enum: [...FORMATS] },
    bundles: {
      type: "string",
      enum: ["none", "institution"],
      description: "institution: a PROV document with a bundle for what each institution attests",
    },
  });
  const schema = documented("records", "Lineage of a record: up to its sources, down to what was made of it", {
    params: idParams("record id, URL-encoded"),
    querystring,
  });
  app.get<{ Params: { id: string }; Querystring: LineageQuery }>(
    "/v1/records/:id/lineage",
    { config: READ, schema },
    async (request, reply) => {
      reply.header("vary", "accept");
      const format = request.query.format ?? acceptedFormat(request.headers.accept);
      const told = await traced(ctx, request, [request.params.id], async (viewer, isAbout) => {
        const names = await knownNames(ctx, viewer, "record", idOfIri(request.params.id));
        isAbout(names);
        const [record = ""] = names;
        const links = provLinks(request.params.id, record);
        if (links !== undefined) reply.header("link", links);
        return format === "json"
          ? await lineageJson(ctx, viewer, record, request.query)
          : await lineageProv(ctx, viewer, record, request.query, format);
      });
      return "text" in told ? sendProv(reply, told) : told;
    },
  );

  provenanceAccess(app);

  const id = { type: "string", minLength: 1, maxLength: 2_048, description: "record id" };
  const properties = { from: id, to: id, depth: depthQuery(ctx), asOf: { type: "integer", minimum: 0 } };
  const paths = documented("records", "A shortest way along derivations from one record to another", {
    querystring: { type: "object", required: ["from", "to"], properties },
  });
  app.get<{ Querystring: PathQuery }>("/v1/paths", { config: READ, schema: paths }, async (request) => {
    const { from, to, asOf, depth = ctx.settings.limits.depthMax } = request.query;
    return await traced(ctx, request, [from, to], async (viewer, isAbout) => {
      const [start = ""] = await knownNames(ctx, viewer, "record", from);
      const [end = ""] = await knownNames(ctx, viewer, "record", to);
      isAbout([start, end]);
      const asked = requestOf(ctx, viewer, { depth });
      const query = ["path", start, end, asked.depth];
      const work = (blockMax: number) => pathBetween(ctx, start, end, { ...asked, blockMax });
      return await answer(ctx, { viewer, query, asOf, work });
    });
  });
}

/** Links to provenance on each answer about a record, whatever route gives it, and the service's description. */
function provenanceAccess(app: FastifyInstance): void {
  app.addHook("onSend", async (request, reply) => {
    const { id } = (request.params ?? {}) as { id?: string };
    if (
      id === undefined ||
      reply.statusCode !== 200 ||
      reply.hasHeader("link") ||
      !request.routeOptions.url?.startsWith("/v1/records/:id")
    )
      return;
    const links = provLinks(id);
    if (links !== undefined) reply.header("link", links);
  });
  const schema = documented("records", "How provenance is asked for (PROV-AQ), in Turtle");
  app.get(SERVICE_PATH, { config: { public: true }, schema }, async (_request, reply) =>
    reply.type("text/turtle; charset=utf-8").send(serviceDescription()),
  );
}

function requestOf(
  ctx: QueryContext,
  viewer: Viewer,
  query: Pick<LineageQuery, "depth" | "from" | "to">,
): Omit<LineageRequest, "blockMax"> {
  const depth = Math.min(query.depth ?? DEPTH_DEFAULT, ctx.settings.limits.depthMax);
  return { viewer, depth, period: periodOf(query) };
}

async function lineageJson(ctx: QueryContext, viewer: Viewer, record: string, query: LineageQuery): Promise<Answer> {
  const { direction = "both", asOf } = query;
  const asked = requestOf(ctx, viewer, query);
  return await answer(ctx, {
    viewer,
    query: ["lineage", record, direction, asked.depth, asked.period],
    asOf,
    work: async (blockMax) => (await lineageOf(ctx, record, direction, { ...asked, blockMax })).result,
  });
}

async function lineageProv(
  ctx: QueryContext,
  viewer: Viewer,
  record: string,
  query: LineageQuery,
  format: ProvFormat,
): Promise<ProvAnswer> {
  const { direction = "both", bundles = "none", asOf } = query;
  const standing = await standingAt(ctx, asOf);
  const request = { ...requestOf(ctx, viewer, query), blockMax: standing.height - 1 };
  const lineage = await lineageOf(ctx, record, direction, request);
  return await lineageText(ctx, lineage, { record, format, bundles, standing });
}

/** What not every PROV form has a place for stands in headers, too. */
function sendProv(reply: FastifyReply, answer: ProvAnswer): FastifyReply {
  const { type, text, standing, integrityFailures, truncated, violations } = answer;
  return reply
    .type(type)
    .header("medtrace-height", standing.height)
    .header("medtrace-ledger-height", standing.ledgerHeight)
    .header("medtrace-lag", standing.lag)
    .header("medtrace-integrity-failures", integrityFailures)
    .header("medtrace-truncated", truncated.join(", "))
    .header("medtrace-violations", violations)
    .send(text);
}
