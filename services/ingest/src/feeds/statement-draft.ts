/** A feed statement as a draft: an event of ingest's own, about no record and no subject. */
import { canonicalBytes, type Json } from "@medtrace/shared/model/canonical";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { Draft } from "../normalise/draft.ts";
import type { Stated } from "./feed.ts";

/** Who states. */
export const INGEST = "urn:medtrace:ingest";
export const STATEMENT_TYPE = "FeedStatement";
const ACTIVITIES = "urn:medtrace:activity";

export function draftOfStatement(feed: string, { statement, from_ms, to_ms }: Stated): Draft {
  const end = traceTimeOf(to_ms);
  return {
    format: "medtrace",
    type: STATEMENT_TYPE,
    system: INGEST,
    messageId: `${feed} ${statement.process} ${statement.place}`,
    index: 0,
    flags: [],
    raw: canonicalBytes(statement as unknown as Json),
    activity: { kind: "execute", codes: [{ system: ACTIVITIES, code: "feed-statement" }] },
    outcome: "success",
    occurred: { start: traceTimeOf(from_ms), end },
    recorded: end,
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [{ id: INGEST, kind: "software", roles: ["assembler"] }],
    records: [],
    recipients: [],
    persons: [],
    joins: [],
    sealed: {},
    feed: statement,
  };
}
