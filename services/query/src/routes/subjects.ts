/** Patients: from an identifier to a token, and what happened to a patient's data. */
import { MedtraceError } from "@medtrace/shared/errors";
import { subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { Facet } from "@medtrace/shared/ports/projection";
import type { FastifyInstance } from "fastify";
import { closureOf } from "../closure.ts";
import type { QueryContext } from "../context.ts";
import { isKnown, namesPatient, subjectByIdentifier, subjectOf, tokenOf } from "../names.ts";
import { eventPage, type Window } from "../pages.ts";
import { notFound, type Viewer } from "../scope.ts";
import { traced } from "../traced.ts";
import { documented, idParams, READ, windowQuery } from "./schema.ts";

type Lookup = { readonly system?: string; readonly value?: string; readonly reference?: string };

export function subjectRoutes(app: FastifyInstance, ctx: QueryContext): void {
  const text = { type: "string", minLength: 1, maxLength: 2_048 };
  const body = { type: "object", properties: { system: text, value: text, reference: text } };
  const lookup = documented("subjects", "The token of a patient; the identifier never stands in a URL", { body });
  app.post<{ Body: Lookup }>("/v1/subjects/lookup", { config: READ, schema: lookup }, async (request) => {
    const { system, value, reference } = request.body;
    return await traced(ctx, request, [reference ?? `${system}|${value}`], async (viewer, isAbout) => {
      const token = await tokenFor(ctx, viewer, request.body);
      const closure = token === undefined ? undefined : await closureOf(ctx, token);
      const known = closure === undefined ? [] : await knownTokens(ctx, viewer, closure.tokens);
      // The vault knows shared identifiers of every institution's patients: who sees no event of one, learns nothing.
      if (token === undefined || closure === undefined || known.length === 0) throw notFound();
      isAbout([subjectRecordId(token)]);
      return {
        ...(await ctx.standing()),
        integrityFailures: closure.integrityFailures,
        token,
        record: subjectRecordId(token),
        joined: known.filter((other) => other !== token),
      };
    });
  });

  const querystring = windowQuery(ctx);
  const track = documented("subjects", "Events about a patient, under every token of theirs", {
    params: idParams("subject token"),
    querystring,
  });
  app.get<{ Params: { id: string }; Querystring: Window }>(
    "/v1/subjects/:id/track",
    { config: READ, schema: track },
    async (request) =>
      await traced(ctx, request, [request.params.id], async (viewer, isAbout) => {
        const token = tokenOf(request.params.id);
        if (token === undefined) throw notFound();
        const closure = await closureOf(ctx, token);
        const facets = closure.tokens.map((value): Facet => ({ kind: "subject", value }));
        if (!(await isKnown(ctx, viewer, facets))) throw notFound();
        isAbout([subjectRecordId(token)]);
        const page = await eventPage(ctx, viewer, { name: "track", facets, window: request.query });
        const tokens = await knownTokens(ctx, viewer, closure.tokens);
        return {
          ...page,
          integrityFailures: page.integrityFailures + closure.integrityFailures,
          token,
          joined: tokens.filter((other) => other !== token),
          ...(closure.truncated ? { truncated: true } : {}),
        };
      }),
  );
}

/** @throws MedtraceError INPUT_INVALID where the body is neither an identifier nor a Patient reference. */
async function tokenFor(ctx: QueryContext, viewer: Viewer, lookup: Lookup): Promise<string | undefined> {
  const { system, value, reference } = lookup;
  if (reference !== undefined && system === undefined && value === undefined) {
    if (namesPatient(reference)) return await subjectOf(ctx, viewer, reference);
    throw new MedtraceError("INPUT_INVALID", "wants a reference to a Patient", {
      at: "reference",
      hint: "Patient/{id}, {institution}/Patient/{id}, or an absolute URL",
    });
  }
  if (system !== undefined && value !== undefined && reference === undefined) {
    return await subjectByIdentifier(ctx, viewer, { system, value });
  }
  throw new MedtraceError("INPUT_INVALID", "wants either system and value, or reference", {
    at: "body",
    hint: "the identifier as the source gave it, or such as Patient/1",
  });
}

/** Those of the tokens that an event in scope names. */
async function knownTokens(ctx: QueryContext, viewer: Viewer, tokens: readonly string[]): Promise<string[]> {
  const known: string[] = [];
  for (const value of tokens) {
    if (await isKnown(ctx, viewer, [{ kind: "subject", value }])) known.push(value);
  }
  return known;
}
