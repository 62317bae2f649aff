/** Newly verified events as server-sent events (HTML Living Standard, section 9.2). */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { QueryContext } from "../context.ts";
import { viewerOf } from "../scope.ts";
import { servedEvent } from "../served.ts";
import { traced } from "../traced.ts";
import { documented, READ } from "./schema.ts";

const FEED_RECORD = "urn:medtrace:feed";
const RETRY_MS = 1_000;
/** An event's id in the feed: the place after it. */
const PLACE = /^(0|[1-9]\d{0,14})$/;

export function feedRoutes(app: FastifyInstance, ctx: QueryContext): void {
  let following = 0;
  const schema = documented("events", "Newly verified events as they come; Last-Event-ID resumes", {
    headers: { type: "object", properties: { "last-event-id": { type: "string", maxLength: 32 } } },
  });
  app.get("/v1/feed", { config: READ, schema }, async (request, reply) => {
    if (following >= ctx.settings.limits.feedsMax) {
      throw new MedtraceError("BUSY", "too many follow the feed", { hint: "QUERY_FEEDS_MAX is the limit" });
    }
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    following += 1;
    try {
      const start = await traced(ctx, request, [FEED_RECORD], async (_viewer, isAbout) => {
        isAbout([FEED_RECORD]);
        return await startOf(ctx, request.headers["last-event-id"]);
      });
      reply.hijack();
      await follow(ctx, request, reply.raw, start, gone.signal);
    } finally {
      following -= 1;
    }
  });
}

async function follow(
  ctx: QueryContext,
  request: FastifyRequest,
  response: ServerResponse,
  start: number,
  gone: AbortSignal,
): Promise<void> {
  try {
    await write(response, ctx.feed.follow(viewerOf(request.caller), start, gone), gone);
  } catch (error) {
    if (!gone.aborted) request.log.error({ err: error }, "the feed ended");
  } finally {
    response.end();
  }
}

/** @throws MedtraceError INPUT_INVALID where Last-Event-ID is none of the feed's. */
async function startOf(ctx: QueryContext, last: string | string[] | undefined): Promise<number> {
  if (last === undefined || last === "") return await ctx.feed.end();
  if (typeof last === "string" && PLACE.test(last)) return Number(last);
  throw new MedtraceError("INPUT_INVALID", "wants the id of an event of this feed", {
    at: "Last-Event-ID",
    hint: "leave it out to begin now",
  });
}

type Parts = ReturnType<QueryContext["feed"]["follow"]>;

/** Waits for a slow reader rather than gather events for it. */
async function write(response: ServerResponse, parts: Parts, gone: AbortSignal): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    connection: "keep-alive",
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  for await (const events of parts) {
    const text = events.map((event) => message(event.seq + 1, servedEvent(event))).join("");
    if (!response.write(text === "" ? ": still here\n\n" : text)) await once(response, "drain", { signal: gone });
  }
}

function message(id: number, data: object): string {
  return `id: ${id}\nevent: verified\ndata: ${JSON.stringify(data)}\n\n`;
}
