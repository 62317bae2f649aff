/** What hospital systems sent, and when nothing came: by the statements that ingest anchors. About nobody's data. */
import type { FastifyInstance } from "fastify";
import { answer } from "../answers.ts";
import type { QueryContext } from "../context.ts";
import { totalledFeeds } from "../feeds.ts";
import { periodOf, type Window } from "../pages.ts";
import { viewerOf } from "../scope.ts";
import { documented, READ, windowQuery } from "./schema.ts";

const STATEMENTS_MAX = 10_000;
const STATEMENTS_DEFAULT = 1_000;

interface Asked extends Pick<Window, "from" | "to" | "asOf" | "limit"> {
  readonly feed?: string;
}

export function feedsRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const { from, to, asOf } = (windowQuery(ctx) as { properties: Record<string, object> }).properties;
  const querystring = {
    type: "object",
    properties: {
      feed: { type: "string", minLength: 1, maxLength: 8_192, description: "id of one feed" },
      from,
      to,
      asOf,
      limit: { type: "integer", minimum: 1, maximum: STATEMENTS_MAX, description: "statements, the newest, to add up" },
    },
  };
  const schema = documented("feeds", "Feeds, as their statements say: what came, what is missing, when nothing came", {
    querystring,
  });
  app.get<{ Querystring: Asked }>("/v1/feeds", { config: READ, schema }, async (request) => {
    const viewer = viewerOf(request.caller);
    const { feed, limit = STATEMENTS_DEFAULT, asOf: height } = request.query;
    const period = periodOf(request.query);
    return await answer(ctx, {
      viewer,
      query: ["/v1/feeds", feed, period, limit],
      asOf: height,
      work: async (blockMax) => {
        const { integrityFailures, ...body } = await totalledFeeds(ctx, viewer, { feed, ...period, limit }, blockMax);
        return { body, integrityFailures };
      },
    });
  });
}
