/** `POST /prov`: PROV-JSON of a platform that has provenance already, taken as trace events. */
import { describeError, httpStatus } from "@medtrace/service-kit/http-status";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { checkProv } from "@medtrace/shared/model/prov/constraints/check";
import type { ProvDocument } from "@medtrace/shared/model/prov/document";
import { readProvJson } from "@medtrace/shared/model/prov/json-read";
import { PROV_NAMESPACES, type QualifiedName } from "@medtrace/shared/model/prov/names";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { FastifyInstance } from "fastify";
import { parseJson } from "../fhir/json.ts";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { draftsOfProv } from "./map.ts";

const MEDIA_TYPES = ["application/prov+json", "application/json"];
/** Statements of one request: the constraints are checked while others wait. */
export const STATEMENTS_MAX = 10_000;

export interface ProvRoutesOptions {
  readonly intake: Intake;
  readonly context: (institution: string) => MappingContext;
  readonly bodyBytesMax: number;
  readonly now_ms: () => number;
  readonly onRefused?: (institution: string, code: ErrorCode) => void;
}

/** Adds the route, in a context of its own so that its media types are its own. */
export function addProvRoutes(app: FastifyInstance, options: ProvRoutesOptions): void {
  const { intake, context, bodyBytesMax, now_ms, onRefused = () => undefined } = options;
  app.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser(MEDIA_TYPES, own.wholeBody(bodyBytesMax));
    own.post(
      "/prov",
      {
        config: { scope: "trace/events.write" },
        schema: {
          summary: "PROV-JSON: each activity is taken as an event",
          description: "Answers what became of each event, what has no place in one, and what breaks PROV-CONSTRAINTS.",
          consumes: MEDIA_TYPES,
          tags: ["PROV"],
        },
      },
      async (request, reply) => {
        const { institution } = request.caller;
        try {
          const document = readProvJson(parseJson(request.body as Buffer), { statementsMax: STATEMENTS_MAX });
          const { drafts, left } = draftsOf(document, context(institution), now_ms());
          const receipts = drafts.length === 0 ? [] : await intake.accept(institution, drafts);
          const results = receipts.map(resultOf);
          for (const { error } of results) if (error !== undefined) onRefused(institution, error.code);
          const { valid, violations, clocks } = checkProv(document);
          return reply
            .code(statusOf(receipts))
            .send({ events: results, left, constraints: { valid, violations, clocks } });
        } catch (error) {
          const { code } = describeError(error);
          if (code !== undefined) onRefused(institution, code);
          throw error;
        }
      },
    );
  });
}

/** Of the document and of its bundles: to us, all of it is what the sender says. */
function draftsOf(
  document: ProvDocument,
  context: MappingContext,
  now_ms: number,
): { readonly drafts: Draft[]; readonly left: Record<string, number> } {
  const namespaces = new Map([...Object.entries(PROV_NAMESPACES), ...document.namespaces]);
  const iriOf = ({ prefix, local }: QualifiedName): string => `${namespaces.get(prefix) ?? ""}${local}`;
  const drafts: Draft[] = [];
  const left: Record<string, number> = {};
  for (const contents of [document, ...document.bundles]) {
    const bundle = "name" in contents ? { bundle: contents.name } : {};
    const mapped = draftsOfProv(contents, { context, iriOf, now: traceTimeOf(now_ms), ...bundle });
    drafts.push(...mapped.drafts);
    for (const [kind, count] of Object.entries(mapped.left)) left[kind] = (left[kind] ?? 0) + count;
  }
  return { drafts, left };
}

interface Result {
  readonly status: Receipted["status"];
  readonly id?: string;
  readonly flags?: readonly string[];
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly at?: string; readonly hint?: string };
}

function resultOf(receipt: Receipted): Result {
  if (receipt.status === "withheld") return { status: "withheld" };
  if (receipt.status !== "refused" && receipt.status !== "conflict") return receipt;
  const error =
    receipt.status === "refused"
      ? receipt.error
      : new MedtraceError("EVENT_CONFLICT", "an activity of this name was already taken with other statements", {
          hint: "give the changed activity a name of its own; the attempt is on record",
        });
  const { code, message, at, hint } = error;
  return {
    status: receipt.status,
    ...("id" in receipt ? { id: receipt.id } : {}),
    error: { code, message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) },
  };
}

/** 200 where any event was taken, or none was there; else what the first refusal means. */
function statusOf(receipts: readonly Receipted[]): number {
  if (receipts.length === 0 || receipts.some(({ status }) => status === "accepted" || status === "duplicate"))
    return 200;
  const [first] = receipts;
  return httpStatus(first?.status === "refused" ? first.error.code : "EVENT_CONFLICT");
}
