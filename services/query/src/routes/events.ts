/** One event: how far it is, and what it says once it is verified. */
import { MedtraceError } from "@medtrace/shared/errors";
import { unseal } from "@medtrace/shared/model/seal";
import { type SealedContent, subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { FastifyInstance, FastifyReply } from "fastify";
import { consentStandings } from "../consents.ts";
import type { QueryContext } from "../context.ts";
import { type EventState, eventState, servedAnchor } from "../event-state.ts";
import { evidenceText } from "../evidence.ts";
import type { Viewer } from "../scope.ts";
import { servedEvent } from "../served.ts";
import { traced } from "../traced.ts";
import type { VerifiedEvent } from "../verified.ts";
import { documented, idParams, READ } from "./schema.ts";

interface OneEvent {
  readonly Params: { readonly id: string };
  readonly Querystring: { readonly unseal?: boolean };
}

export function eventRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const params = idParams("event id, 64 hex digits");
  const querystring = { type: "object", properties: { unseal: { type: "boolean" } } };
  const schema = documented("events", "One event and its state: accepted, anchored, verified", { params, querystring });
  app.get<OneEvent>("/v1/events/:id", { config: READ, schema }, async (request) => {
    const { id } = request.params;
    return await traced(ctx, request, [id], async (viewer, isAbout) => {
      const state = await eventState(ctx, viewer, id);
      isAbout(aboutOf(id, state));
      const opened = request.query.unseal === true ? { sealed: await open(ctx, request.caller, state) } : {};
      const standing = await ctx.standing();
      const consents = await consentsOf(ctx, viewer, state, standing.height);
      return { ...standing, id, ...(await told(ctx, state)), ...consents, ...opened };
    });
  });

  const evidence = documented("evidence", "Evidence of one event, for offline verification", { params });
  app.get<OneEvent>("/v1/events/:id/evidence", { config: READ, schema: evidence }, async (request, reply) => {
    const { id } = request.params;
    const text = await traced(ctx, request, [id], async (viewer, isAbout) => {
      const state = await eventState(ctx, viewer, id);
      isAbout(aboutOf(id, state));
      return await evidenceText(ctx, [verifiedOr(state)]);
    });
    return sendEvidence(reply, text);
  });
}

/** Evidence is a file of its own: nothing is added to it. */
export function sendEvidence(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .type("application/json; charset=utf-8")
    .header("content-disposition", 'attachment; filename="evidence.json"')
    .send(text);
}

/** The event as a thing that can be asked about. */
export function eventRecordId(id: string): string {
  return `urn:medtrace:event:${id}`;
}

/** Who asks about an event asks about its patients' traces too. */
function aboutOf(id: string, state: EventState): string[] {
  const subjects = state.state === "verified" ? state.event.event.subjects : [];
  return [eventRecordId(id), ...subjects.map(subjectRecordId)];
}

/** The consents that it relied on, and whether they stood. */
async function consentsOf(ctx: QueryContext, viewer: Viewer, state: EventState, height: number): Promise<object> {
  if (state.state !== "verified" || state.event.event.consents.length === 0) return {};
  return { consents: await consentStandings(ctx, viewer, state.event, height - 1) };
}

async function told(ctx: QueryContext, state: EventState): Promise<object> {
  switch (state.state) {
    case "accepted":
      return { state: "accepted", integrityFailures: 0 };
    case "anchored":
      return {
        state: "anchored",
        integrityFailures: 0,
        anchor: servedAnchor(state.anchored.ref, state.anchored.batch),
      };
    case "integrity-failure":
      return { state: "integrity-failure", integrityFailures: 1 };
    case "verified":
      return await toldVerified(ctx, state.event);
  }
}

async function toldVerified(ctx: QueryContext, event: VerifiedEvent): Promise<object> {
  const { ref, index } = event;
  const anchored = await ctx.verifier.tree(ref);
  const anchor = await ctx.verifier.anchor(ref);
  if (anchored === undefined) return { state: "integrity-failure", integrityFailures: 1 };
  const block = anchor === undefined ? {} : { block: anchor.block, transaction: anchor.transaction };
  return {
    state: "verified",
    // The batch is on the ledger, but not where the projection says.
    integrityFailures: anchor === undefined ? 1 : 0,
    anchor: servedAnchor(ref, anchored.batch, { index, ...block }),
    event: servedEvent(event),
  };
}

/** @throws MedtraceError NOT_FOUND while an event is not verified, INTEGRITY where it can not be. */
function verifiedOr(state: EventState): VerifiedEvent {
  if (state.state === "verified") return state.event;
  if (state.state === "integrity-failure") {
    throw new MedtraceError("INTEGRITY", "the event is not stored as the ledger has it", {
      hint: "run medtrace fsck; docs/runbooks/integrity.md",
    });
  }
  throw new MedtraceError("NOT_FOUND", `there is no evidence yet: the event is ${state.state}`, {
    hint: "ask again in a moment",
  });
}

type Opened =
  | { readonly state: "open"; readonly content: SealedContent }
  | { readonly state: "erased" }
  | { readonly state: "not-available" };

/** Opens the sealed part, for its own institution alone; nothing of it is cached. */
async function open(
  ctx: QueryContext,
  caller: { readonly institution: string; readonly scopes: ReadonlySet<string> },
  state: EventState,
): Promise<Opened> {
  if (!caller.scopes.has("trace/unseal")) {
    throw new MedtraceError("FORBIDDEN", "the token does not have the scope trace/unseal", {
      hint: "ask for a token with the scope trace/unseal",
    });
  }
  if (state.state !== "verified") return { state: "not-available" };
  const { event } = state.event;
  if (event.institution !== caller.institution) {
    throw new MedtraceError("FORBIDDEN", "only the institution that produced an event may open its sealed part");
  }
  const key = await ctx.vault.dataKey({ institution: event.institution, token: event.sealed.subject });
  return key === undefined ? { state: "erased" } : { state: "open", content: unseal(event.sealed, key, event.id) };
}
