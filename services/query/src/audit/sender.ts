/** Delivery of reports to ingest's FHIR endpoint, like any other system's. */
import { MedtraceError } from "@medtrace/shared/errors";
import { LruMap } from "../lru.ts";
import type { Deliver } from "./trail.ts";

/** A token for an institution that may write events, and when it ends. */
export type IssueToken = (institution: string, expires_s: number) => Promise<string>;

const TOKEN_S = 300;
/** A token is not used for its last minute: clocks differ. */
const TOKEN_MS_USED = (TOKEN_S - 60) * 1_000;
const INSTITUTIONS_MAX = 1_000;
const ANSWER_MS_MAX = 10_000;
/** Answers that say that the same again will not be taken either. */
const FINAL = new Set([400, 413, 415, 422]);

/**
 * Sends reports as NDJSON. Those that ingest takes, or has already, are done; the lines of those that it refuses are
 * given back.
 *
 * @throws where ingest cannot be reached or will not answer now: all of them are to be sent again.
 */
export function createSender(ingestUrl: string, issueToken: IssueToken): Deliver {
  const tokens = new LruMap<{ readonly token: string; readonly until_ms: number }>(INSTITUTIONS_MAX);
  const tokenOf = async (institution: string): Promise<string> => {
    const known = tokens.get(institution);
    if (known !== undefined && known.until_ms > Date.now()) return known.token;
    const token = await issueToken(institution, TOKEN_S);
    tokens.set(institution, { token, until_ms: Date.now() + TOKEN_MS_USED }, 1);
    return token;
  };
  return async (institution, resources) => {
    const answer = await fetch(`${ingestUrl}/fhir/$ingest`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await tokenOf(institution)}`,
        "content-type": "application/fhir+ndjson",
      },
      body: resources.map((resource) => `${resource}\n`).join(""),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const text = await answer.text();
    if (answer.ok) return refusedLines(resources, text);
    if (answer.status === 401) tokens.delete(institution);
    if (FINAL.has(answer.status)) return resources;
    throw new MedtraceError("BUSY", `ingest answered ${answer.status}`);
  };
}

/** One result line for each line sent, in order: one that names an error was refused. */
function refusedLines(resources: readonly string[], text: string): readonly string[] {
  const results = text.split("\n").filter((line) => line !== "");
  if (results.length < resources.length) throw new MedtraceError("BUSY", "ingest did not answer for every report");
  return resources.filter((_, i) => !isTaken(results[i] ?? ""));
}

/** @throws MedtraceError where ingest could not store it now. */
function isTaken(line: string): boolean {
  const { status, error } = JSON.parse(line) as { status?: unknown; error?: { code?: unknown } };
  if (error?.code === "BUSY" || error?.code === "RATE_LIMITED" || error?.code === "STORAGE_FAILED") {
    throw new MedtraceError("BUSY", "ingest cannot store reports now");
  }
  return status === "accepted" || status === "duplicate" || status === "conflict";
}
