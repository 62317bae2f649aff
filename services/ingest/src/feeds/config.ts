/** Settings of feeds: how often they are stated, and which are expected. */
import { readFile } from "node:fs/promises";
import { type Environment, readSettings, wholeNumber } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import { FEED_ENTRIES } from "@medtrace/shared/model/feed-statement";
import { z } from "zod";
import type { ExpectedFeed } from "./feed.ts";
import { FEEDS_LIMITS } from "./feeds.ts";

export interface FeedSettings {
  /** File of the feeds that are expected; undefined: none. */
  readonly file: string | undefined;
  /** 0: no statements. */
  readonly statement_ms: number;
}

const shape = {
  INGEST_FEEDS: z.string().optional(),
  INGEST_FEED_STATEMENT_S: wholeNumber(0, 86_400, 900),
};

export function feedSettings(env: Environment): FeedSettings {
  const settings = readSettings(shape, env);
  return { file: settings.INGEST_FEEDS, statement_ms: settings.INGEST_FEED_STATEMENT_S * 1_000 };
}

const feedsFile = z.strictObject({
  feeds: z
    .array(
      z.strictObject({
        institution: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "wants 1 to 64 of A-Z a-z 0-9 . _ -"),
        entry: z.enum(FEED_ENTRIES),
        system: z.string().min(1).max(FEEDS_LIMITS.systemCharactersMax),
        silence_s_max: z.int().min(1).max(31_622_400),
      }),
    )
    .max(10_000),
});

/**
 * The feeds that a file expects.
 *
 * @throws MedtraceError CONFIGURATION naming the file and what is wrong in it.
 */
export async function loadExpectedFeeds(path: string | undefined): Promise<readonly ExpectedFeed[]> {
  if (path === undefined) return [];
  try {
    return feedsFile.parse(JSON.parse(await readFile(path, "utf8"))).feeds;
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MedtraceError("CONFIGURATION", `the file of expected feeds cannot be read: ${why}`, {
      at: `INGEST_FEEDS=${path}`,
      hint: "docs/ingest.md shows its form",
      cause,
    });
  }
}
