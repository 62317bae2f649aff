/** The tokens of one person: joins that events say, each verified. */
import { PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "./context.ts";

export interface Closure {
  /** The token itself first, then those joined to it, nearest first. */
  readonly tokens: readonly string[];
  readonly integrityFailures: number;
  /** True where there are more tokens than are followed. */
  readonly truncated: boolean;
}

const TOKENS_MAX = 200;

/** Follows verified joins from a token, over any number of steps. A join that no anchored event says is not followed. */
export async function closureOf(ctx: QueryContext, start: string): Promise<Closure> {
  const tokens = new Set([start]);
  let integrityFailures = 0;
  for (const token of tokens) {
    const joins = (await ctx.projection.joins(token)).filter(({ other }) => !tokens.has(other));
    if (joins.length >= PROJECTION_LIMITS.closureMax)
      return { tokens: [...tokens], integrityFailures, truncated: true };
    for (const { other, event } of joins) {
      if (tokens.size >= TOKENS_MAX) return { tokens: [...tokens], integrityFailures, truncated: true };
      if (await joinHolds(ctx, event, token, other)) tokens.add(other);
      else integrityFailures += 1;
    }
  }
  return { tokens: [...tokens], integrityFailures, truncated: false };
}

async function joinHolds(ctx: QueryContext, event: string, token: string, other: string): Promise<boolean> {
  const stored = await ctx.projection.event(event);
  if (stored === undefined) return false;
  const checked = await ctx.verifier.check(stored, ({ joins }) =>
    joins.some(([a, b]) => (a === token && b === other) || (a === other && b === token)),
  );
  return checked.state === "verified";
}
