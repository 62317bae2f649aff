/** Where a record came from and where it went, as JSON or as W3C PROV. */

import { MedtraceError } from "@medtrace/shared/errors";
import { type ProvDocument, type ProvInput, provDocument } from "@medtrace/shared/model/prov";
import { provJson } from "@medtrace/shared/model/prov-json";
import { jsonLd } from "@medtrace/shared/model/prov-json-ld";
import { provN } from "@medtrace/shared/model/prov-n";
import { provRdf } from "@medtrace/shared/model/prov-rdf";
import { turtle } from "@medtrace/shared/model/prov-turtle";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { answer } from "../answers.ts";
import type { QueryContext } from "../context.ts";
import { type LineageRequest, lineageOf, pathBetween } from "../lineage-answer.ts";
import { knownNames } from "../names.ts";
import { periodOf } from "../pages.ts";
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
}

const FORMATS = ["json", "prov-json", "prov-n", "turtle", "json-ld"] as const;
type Format = (typeof FORMATS)[number];

/** Media types that an Accept header may ask for. */
const MEDIA_TYPES: readonly (readonly [string, Format])[] = [
  ["application/prov+json", "prov-json"],
  ["text/provenance-notation", "prov-n"],
  ["text/turtle", "turtle"],
  ["application/ld+json", "json-ld"],
  ["application/json", "json"],
  ["application/*", "json"],
  ["*/*", "json"],
];

const DEPTH_DEFAULT = 3;

export function lineageRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const querystring = traversalQuery(ctx, {
    direction: { type: "string", enum: ["up", "down", "both"] },
    format: { type: "string", enum: [...FORMATS] },
  });
  const schema = documented("records", "Lineage of a record: up to its sources, down to what was made of it", {
    params: idParams("record id, URL-encoded"),
    querystring,
  });
  app.get<{ Params: { id: string }; Querystring: LineageQuery }>(
    "/v1/records/:id/lineage",
    { config: READ, schema },
    async (request, reply) => {
      const format = request.query.format ?? accepted(request);
      return await traced(ctx, request, [request.params.id], async (viewer, isAbout) => {
        const [record = "", ...others] = await knownNames(ctx, viewer, "record", request.params.id);
        isAbout([record, ...others]);
        const asked = requestOf(ctx, viewer, request.query);
        const { direction = "both" } = request.query;
        return format === "json"
          ? await answer(ctx, {
              viewer,
              query: ["lineage", record, direction, asked.depth, asked.period],
              asOf: request.query.asOf,
              work: async (blockMax) => (await lineageOf(ctx, record, direction, { ...asked, blockMax })).result,
            })
          : await sendProv(ctx, reply, format, request.query.asOf, async (blockMax) => {
              return (await lineageOf(ctx, record, direction, { ...asked, blockMax })).inputs;
            });
      });
    },
  );

  const id = { type: "string", minLength: 1, maxLength: 2_048, description: "record id" };
  const asOf = { type: "integer", minimum: 0 };
  const depth = depthQuery(ctx);
  const paths = documented("records", "A shortest way along derivations from one record to another", {
    querystring: { type: "object", required: ["from", "to"], properties: { from: id, to: id, depth, asOf } },
  });
  app.get<{ Querystring: { from: string; to: string; depth?: number; asOf?: number } }>(
    "/v1/paths",
    { config: READ, schema: paths },
    async (request) => {
      const { from, to, asOf } = request.query;
      return await traced(ctx, request, [from, to], async (viewer, isAbout) => {
        const [start = ""] = await knownNames(ctx, viewer, "record", from);
        const [end = ""] = await knownNames(ctx, viewer, "record", to);
        isAbout([start, end]);
        const asked = requestOf(ctx, viewer, { depth: request.query.depth ?? ctx.settings.limits.depthMax });
        return await answer(ctx, {
          viewer,
          query: ["path", start, end, asked.depth],
          asOf,
          work: (blockMax) => pathBetween(ctx, start, end, { ...asked, blockMax }),
        });
      });
    },
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

/** The first media type of an Accept header that is given here; weights are not compared. */
function accepted(request: FastifyRequest): Format {
  const { accept } = request.headers;
  if (accept === undefined) return "json";
  for (const range of accept.split(",").slice(0, 20)) {
    const type = range.split(";")[0]?.trim().toLowerCase();
    const found = MEDIA_TYPES.find(([name]) => name === type);
    if (found !== undefined) return found[1];
  }
  throw new MedtraceError("INPUT_UNSUPPORTED", "lineage is not given in any of these media types", {
    at: "Accept",
    hint: `${MEDIA_TYPES.map(([name]) => name).join(", ")}; or ?format=${FORMATS.join("|")}`,
  });
}

/** PROV documents have no place for an answer's height: it goes into headers. */
async function sendProv(
  ctx: QueryContext,
  reply: FastifyReply,
  format: Exclude<Format, "json">,
  asOf: number | undefined,
  inputsOf: (blockMax: number) => Promise<readonly ProvInput[]>,
): Promise<FastifyReply> {
  const { height, ledgerHeight, lag } = await ctx.standing();
  const document = provDocument(await inputsOf((asOf ?? height) - 1));
  reply.header("medtrace-height", asOf ?? height);
  reply.header("medtrace-ledger-height", ledgerHeight);
  reply.header("medtrace-lag", lag);
  const [type, text] = WRITERS[format](document);
  return reply.type(type).send(text);
}

/** Media type and text of a document in each format. */
const WRITERS: Readonly<Record<Exclude<Format, "json">, (document: ProvDocument) => readonly [string, string]>> = {
  "prov-json": (document) => ["application/prov+json", JSON.stringify(provJson(document))],
  "prov-n": (document) => ["text/provenance-notation; charset=utf-8", provN(document)],
  turtle: (document) => ["text/turtle; charset=utf-8", turtle(provRdf(document))],
  "json-ld": (document) => ["application/ld+json", JSON.stringify(jsonLd(provRdf(document)))],
};
