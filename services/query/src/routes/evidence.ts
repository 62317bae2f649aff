/** Evidence of several events in one file. */
import { MedtraceError } from "@medtrace/shared/errors";
import { subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { Facet } from "@medtrace/shared/ports/projection";
import type { FastifyInstance } from "fastify";
import { closureOf } from "../closure.ts";
import type { QueryContext } from "../context.ts";
import { eventState } from "../event-state.ts";
import { evidenceText } from "../evidence.ts";
import { feedStatements } from "../feeds.ts";
import { knownNames, tokenOf } from "../names.ts";
import { allEvents, periodOf } from "../pages.ts";
import { notFound, type Viewer } from "../scope.ts";
import { type About, traced } from "../traced.ts";
import type { CheckedEvent, VerifiedEvent } from "../verified.ts";
import { eventRecordId, sendEvidence } from "./events.ts";
import { documented, READ } from "./schema.ts";

/** Stands for feeds in the trace of queries: whose they are is in the statements themselves. */
const FEEDS_RECORD = "urn:medtrace:feeds";

interface Selection {
  readonly events?: readonly string[];
  readonly record?: string;
  readonly subject?: string;
  readonly agent?: string;
  readonly feed?: string;
  readonly from?: string;
  readonly to?: string;
}

export function evidenceRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const { evidenceEventsMax } = ctx.settings.limits;
  const id = { type: "string", minLength: 1, maxLength: 2_048 };
  const time = { type: "string", maxLength: 64 };
  const body = {
    type: "object",
    properties: {
      events: { type: "array", items: { type: "string", maxLength: 64 }, minItems: 1, maxItems: evidenceEventsMax },
      record: id,
      subject: id,
      agent: id,
      feed: { type: "string", minLength: 1, maxLength: 8_192 },
      from: time,
      to: time,
    },
  };
  const schema = documented("evidence", "Evidence of several events: by ids, or by record, subject, agent or feed", {
    body,
  });
  app.post<{ Body: Selection }>("/v1/evidence", { config: READ, schema }, async (request, reply) => {
    const selection = request.body;
    const asked = selection.events ?? [
      selection.record ?? selection.subject ?? selection.agent ?? selection.feed ?? "",
    ];
    const text = await traced(ctx, request, asked, async (viewer, isAbout) => {
      const { events, about } = await select(ctx, viewer, selection);
      isAbout(about);
      return await evidenceText(ctx, events);
    });
    return sendEvidence(reply, text);
  });
}

async function select(
  ctx: QueryContext,
  viewer: Viewer,
  selection: Selection,
): Promise<{ readonly events: readonly VerifiedEvent[]; readonly about: About }> {
  const { events, record, subject, agent, feed } = selection;
  const ways = [events, record, subject, agent, feed].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw new MedtraceError("INPUT_INVALID", "wants one of events, record, subject, agent and feed", {
      at: "body",
      hint: "ask for the others by themselves",
    });
  }
  if (events !== undefined) {
    const ids = [...new Set(events)];
    const states = [];
    for (const id of ids) states.push({ id, ...(await eventState(ctx, viewer, id)) });
    const verified = states.map((state) => {
      if (state.state === "verified") return state.event;
      if (state.state === "integrity-failure") throw integrity(1);
      throw notFound();
    });
    return { events: verified, about: ids.map(eventRecordId) };
  }
  if (feed !== undefined) return { events: await statementsOf(ctx, viewer, feed, selection), about: [FEEDS_RECORD] };
  const { facets, about } = await facetsOf(ctx, viewer, selection);
  return { events: await found(ctx, viewer, facets, selection), about };
}

async function facetsOf(
  ctx: QueryContext,
  viewer: Viewer,
  { record, subject, agent }: Selection,
): Promise<{ readonly facets: readonly Facet[]; readonly about: About }> {
  if (subject !== undefined) {
    const token = tokenOf(subject);
    if (token === undefined) throw notFound();
    const { tokens } = await closureOf(ctx, token);
    return { facets: tokens.map((value) => ({ kind: "subject", value })), about: [subjectRecordId(token)] };
  }
  const kind = record === undefined ? "agent" : "record";
  const names = await knownNames(ctx, viewer, kind, record ?? agent ?? "");
  return { facets: names.map((value) => ({ kind, value })), about: names };
}

async function found(
  ctx: QueryContext,
  viewer: Viewer,
  facets: readonly Facet[],
  selection: Selection,
): Promise<readonly VerifiedEvent[]> {
  const countMax = ctx.settings.limits.evidenceEventsMax;
  const { events, more } = await allEvents(ctx, viewer, { facets, ...periodOf(selection) }, countMax);
  if (more) throw tooMany(countMax);
  const failed = events.filter(({ state }) => state === "integrity-failure").length;
  if (failed > 0) throw integrity(failed);
  if (events.length === 0) throw notFound();
  return events.filter((event: CheckedEvent) => event.state === "verified");
}

/** What was stated of a feed: that nothing came is proven as what came is. */
async function statementsOf(
  ctx: QueryContext,
  viewer: Viewer,
  feed: string,
  selection: Selection,
): Promise<readonly VerifiedEvent[]> {
  const limit = ctx.settings.limits.evidenceEventsMax;
  const window = { feed, ...periodOf(selection), limit };
  const found = await feedStatements(ctx, viewer, window, Number.MAX_SAFE_INTEGER);
  if (found.truncated) throw tooMany(limit);
  if (found.integrityFailures > 0) throw integrity(found.integrityFailures);
  if (found.statements.length === 0)
    throw notFound("GET /v1/feeds has the ids of feeds, and the times that are stated");
  return found.statements.toReversed();
}

function tooMany(countMax: number): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", `there are more than ${countMax} events`, {
    at: "body",
    hint: "ask for a shorter period with from and to; QUERY_EVIDENCE_EVENTS_MAX is the limit",
  });
}

function integrity(count: number): MedtraceError {
  return new MedtraceError("INTEGRITY", `${count} of the events are not stored as the ledger has them`, {
    hint: "run medtrace fsck; docs/runbooks/integrity.md",
  });
}
