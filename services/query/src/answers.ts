/** Answers that stay true for their height, and so may be kept under it. */
import { timingSafeEqual } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import { base64url, utf8 } from "@medtrace/shared/model/bytes";
import type { QueryContext, Standing } from "./context.ts";
import { scopeKey, type Viewer } from "./scope.ts";

/** What a query works out for one height. */
export interface Result {
  readonly body: object;
  /** Events of the answer that were not as the ledger has them. */
  readonly integrityFailures: number;
}

export interface Question {
  readonly viewer: Viewer;
  /** What is asked, with its parameters; without clear identifiers. */
  readonly query: readonly unknown[];
  /** Height that is asked for; the projected height where not given. */
  readonly asOf?: number | undefined;
  /** Works the answer out of blocks up to `blockMax`. */
  readonly work: (blockMax: number) => Promise<Result>;
}

export type Answer = Standing & { readonly integrityFailures: number } & object;

/**
 * Answers a question, from the cache where the same was asked in the same scope at the same height. What failed
 * verification is never kept: a repair shows at once.
 *
 * @throws MedtraceError INPUT_INVALID where asOf is beyond what is projected.
 */
export async function answer(ctx: QueryContext, { viewer, query, asOf, work }: Question): Promise<Answer> {
  const told = await standingAt(ctx, asOf);
  const { height } = told;
  const key = cacheKey(ctx, JSON.stringify([scopeKey(viewer), height, ...query]));
  const kept = await readKept(ctx, key);
  if (kept !== undefined) return { ...told, integrityFailures: 0, ...kept };
  const { body, integrityFailures } = await work(height - 1);
  if (integrityFailures === 0) await keep(ctx, key, JSON.stringify(body));
  return { ...told, integrityFailures, ...body };
}

/**
 * How far an answer goes that is to be true for `asOf`, or for all that is projected.
 *
 * @throws MedtraceError INPUT_INVALID where asOf is beyond what is projected.
 */
export async function standingAt(ctx: QueryContext, asOf: number | undefined): Promise<Standing> {
  const standing = await ctx.standing();
  if (asOf === undefined || asOf <= standing.height) return { ...standing, height: asOf ?? standing.height };
  throw new MedtraceError("INPUT_INVALID", `only ${standing.height} blocks are projected`, {
    at: "asOf",
    hint: "ask for a height that an answer has named",
  });
}

/** Keyed: a plain hash of what was asked could be guessed from outside. */
function cacheKey(ctx: QueryContext, question: string): string {
  return `query:${base64url(ctx.keys.index(utf8(`medtrace query cache key\n${question}`)))}`;
}

/** A cache is not trusted with what is served as verified: its values carry a keyed digest. */
async function readKept(ctx: QueryContext, key: string): Promise<object | undefined> {
  if (ctx.settings.limits.cache_ms_max === 0) return undefined;
  const value = await ctx.cache.get(key);
  if (value === undefined) return undefined;
  const [seal = "", ...rest] = value.split("\n");
  const text = rest.join("\n");
  const expected = Buffer.from(sealOf(ctx, key, text));
  const given = Buffer.from(seal);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return JSON.parse(text) as object;
}

async function keep(ctx: QueryContext, key: string, text: string): Promise<void> {
  const { cache_ms_max } = ctx.settings.limits;
  if (cache_ms_max > 0) await ctx.cache.set(key, `${sealOf(ctx, key, text)}\n${text}`, cache_ms_max);
}

function sealOf(ctx: QueryContext, key: string, text: string): string {
  return base64url(ctx.keys.index(utf8(`medtrace query cache value\n${key}\n${text}`)));
}
