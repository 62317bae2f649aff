/** Parts that the routes' schemas share. */
import type { FastifySchema } from "fastify";
import type { QueryContext } from "../context.ts";
import { CURSOR_CHARACTERS_MAX } from "../cursor.ts";

export const READ = { scope: "trace/lineage.read" } as const;

const LIMIT_MAX = 10_000;
const time = { type: "string", maxLength: 64, description: "RFC 3339, with its offset" };
const asOf = { type: "integer", minimum: 0, description: "block height that the answer is true for" };

/** Query parameters of lists: which part, which period, as of which height. */
export function windowQuery(ctx: QueryContext): object {
  return {
    type: "object",
    properties: {
      limit: {
        type: "integer",
        minimum: 1,
        maximum: LIMIT_MAX,
        description: `events of one page; at most ${ctx.settings.limits.pageMax} are given, and nextCursor goes on`,
      },
      cursor: { type: "string", maxLength: CURSOR_CHARACTERS_MAX, description: "nextCursor of the page before" },
      from: { ...time, description: "earliest time, RFC 3339" },
      to: { ...time, description: "time before which events lie, RFC 3339" },
      asOf,
      order: { type: "string", enum: ["newest-first", "oldest-first"] },
    },
  };
}

/** Query parameters of traversals. */
export function traversalQuery(ctx: QueryContext, more: object = {}, required: readonly string[] = []): object {
  return {
    type: "object",
    required: [...required],
    properties: {
      depth: depthQuery(ctx),
      from: time,
      to: time,
      asOf,
      ...more,
    },
  };
}

/** More hops than are walked may be asked for; the answer says that it was cut short. */
export function depthQuery(ctx: QueryContext): object {
  const { depthMax } = ctx.settings.limits;
  return { type: "integer", minimum: 1, maximum: LIMIT_MAX, description: `hops; at most ${depthMax} are walked` };
}

/** One path parameter. */
export function idParams(description: string): object {
  return { type: "object", required: ["id"], properties: { id: { type: "string", minLength: 1, description } } };
}

export function documented(tag: string, summary: string, more: FastifySchema = {}): FastifySchema {
  return { tags: [tag], summary, ...more };
}
