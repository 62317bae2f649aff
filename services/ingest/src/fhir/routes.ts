/** The FHIR endpoints of ingest. */
import { Readable } from "node:stream";
import { describeError, isTransient } from "@medtrace/service-kit/http-status";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { draftsOfBundle, inEntry } from "./bundle.ts";
import { element, invalid } from "./element.ts";
import { parseJson } from "./json.ts";
import { takeNdjson } from "./ndjson.ts";
import { type OperationOutcome, outcomeOfError, outcomeOfReceipt, type Taken } from "./operation-outcome.ts";
import { draftOfResource, resourceType, type TakenType } from "./resource.ts";

export interface FhirRoutesOptions {
  readonly intake: Intake;
  readonly context: (institution: string) => MappingContext;
  readonly limits: { readonly bodyBytesMax: number };
  /** Told of each resource, or body of resources, that is refused. */
  readonly onRefused?: (institution: string, code: ErrorCode) => void;
}

const FHIR_JSON = "application/fhir+json; charset=utf-8";
const NDJSON = "application/fhir+ndjson";
const write = { scope: "trace/events.write" } as const;

/** An error as OperationOutcome. */
export function answerOutcome(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const { status, outcome } = outcomeOfError(error);
  if (isTransient(status)) reply.header("retry-after", "1");
  reply.code(status).type(FHIR_JSON).send(JSON.stringify(outcome));
}

/** A fastify plugin with the FHIR endpoints; its errors are OperationOutcomes. */
export function fhirRoutes(options: FhirRoutesOptions): (app: FastifyInstance) => Promise<void> {
  const { intake, context, limits, onRefused = () => undefined } = options;
  const accept = async (institution: string, draft: Draft): Promise<Receipted> => {
    const [receipt] = await intake.accept(institution, [draft]);
    if (receipt === undefined) throw new TypeError("the intake answered fewer drafts than it was given");
    return receipt;
  };

  const create = (type: TakenType) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { institution } = request.caller;
    const resource = element(parseJson(jsonBody(request)), type);
    if (resourceType(resource) !== type)
      throw invalid("resourceType", `must be ${type} here`, "post others to their own path");
    const receipt = takenOrThrow(await accept(institution, draftOfResource(resource, context(institution))));
    return reply
      .code(receipt.status === "duplicate" ? 200 : 201)
      .header("location", `/fhir/${type}/${receipt.id}`)
      .type(FHIR_JSON)
      .send(JSON.stringify(outcomeOfReceipt(receipt)));
  };

  return async (app) => {
    app.setErrorHandler((error, request, reply) => {
      const { code } = describeError(error);
      // Whoever is not known, or may not send, is counted among the requests.
      if (code !== undefined && isAdmitted(request)) onRefused(request.caller.institution, code);
      answerOutcome(error, request, reply);
    });
    app.addHook("onRequest", (request, _reply, done) => done(releaseFault(request)));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(["application/fhir+json", "application/json"], app.wholeBody(limits.bodyBytesMax));
    app.addContentTypeParser([NDJSON, "application/x-ndjson", "application/ndjson"], (_request, body, done) =>
      done(null, body),
    );

    app.post(
      "/fhir/AuditEvent",
      { config: write, schema: { tags: ["FHIR"], summary: "Take an AuditEvent" } },
      create("AuditEvent"),
    );
    app.post(
      "/fhir/Provenance",
      { config: write, schema: { tags: ["FHIR"], summary: "Take a Provenance" } },
      create("Provenance"),
    );
    app.post(
      "/fhir",
      { config: write, schema: { tags: ["FHIR"], summary: "Take a batch, transaction or collection Bundle" } },
      async (request, reply) => {
        const { institution } = request.caller;
        const resource = element(parseJson(jsonBody(request)), "Bundle");
        if (resourceType(resource) !== "Bundle")
          throw invalid("resourceType", "must be Bundle here", "post a resource to its own path");
        const answer = await takeBundle(resource, institution);
        return reply.type(FHIR_JSON).send(JSON.stringify(answer));
      },
    );
    app.post(
      "/fhir/$ingest",
      { config: write, schema: { tags: ["FHIR"], summary: "Take NDJSON of any length; answers one line for each" } },
      async (request, reply) => {
        const { institution } = request.caller;
        if (!(request.body instanceof Readable)) {
          throw new MedtraceError("INPUT_UNSUPPORTED", "this endpoint takes NDJSON", {
            at: "Content-Type",
            hint: NDJSON,
          });
        }
        return reply.type(NDJSON).send(Readable.from(resultLines(request.body, institution), { objectMode: false }));
      },
    );
  };

  async function* resultLines(body: Readable, institution: string): AsyncGenerator<string> {
    for await (const results of takeNdjson(body, intake, context(institution))) {
      for (const { status, error } of results) {
        if (status === "conflict") onRefused(institution, "EVENT_CONFLICT");
        else if (error !== undefined) onRefused(institution, error.code);
      }
      yield `${results.map((result) => JSON.stringify(result)).join("\n")}\n`;
    }
  }

  async function takeBundle(bundle: ReturnType<typeof element>, institution: string): Promise<object> {
    const { type, entries } = await draftsOfBundle(bundle, context(institution));
    const isTransaction = type === "transaction";
    const drafts = entries.filter((entry): entry is Draft => !(entry instanceof MedtraceError));
    // All or nothing: one bad entry refuses a transaction before anything is written.
    const spoilt = isTransaction && drafts.length < entries.length;
    const taken =
      spoilt || drafts.length === 0 ? [] : await intake.accept(institution, drafts, { together: isTransaction });
    const receipts = taken.values();
    const results = entries.map((entry, i): Taken | MedtraceError | undefined => {
      if (entry instanceof MedtraceError) return entry;
      const receipt = receipts.next().value;
      if (receipt === undefined || receipt.status === "withheld") return undefined;
      return inEntry(i, () => takenOrThrow(receipt));
    });
    const fault = results.find((result) => result instanceof MedtraceError);
    if (isTransaction && fault !== undefined) throw fault;
    const responses = results.map((result, i) => {
      if (result === undefined) throw new TypeError("the intake answered fewer drafts than it was given");
      if (!(result instanceof MedtraceError)) return takenEntry(result, (entries[i] as Draft).type);
      onRefused(institution, result.code);
      return refusedEntry(result);
    });
    return {
      resourceType: "Bundle",
      type: isTransaction ? "transaction-response" : "batch-response",
      entry: responses.map((response) => ({ response })),
    };
  }
}

/** Releases of FHIR that are taken, as the media type's parameter names them (FHIR R4, 3.1.0.1.10.1). */
const RELEASES: ReadonlySet<string> = new Set(["4.0", "4.3", "5.0"]);

/** Why the release that a request names is not taken; undefined where it is, or none is named. */
function releaseFault({ headers }: FastifyRequest): MedtraceError | undefined {
  const named = /;\s*fhirVersion\s*=\s*"?([^";\s]*)/i.exec(headers["content-type"] ?? "")?.[1];
  if (named === undefined || RELEASES.has(named)) return undefined;
  return new MedtraceError("INPUT_UNSUPPORTED", "this release of FHIR is not taken", {
    at: "Content-Type",
    hint: `send one of fhirVersion=${[...RELEASES].join(", ")}`,
  });
}

/** Whether the request's token was taken: only then is there a caller. */
function isAdmitted(request: FastifyRequest): boolean {
  try {
    return request.caller !== undefined;
  } catch {
    return false;
  }
}

/** The body, read whole. @throws MedtraceError INPUT_UNSUPPORTED where it came as NDJSON, which is not read but followed. */
function jsonBody({ body }: FastifyRequest): Buffer {
  if (Buffer.isBuffer(body)) return body;
  throw new MedtraceError("INPUT_UNSUPPORTED", "this endpoint takes one JSON resource", {
    at: "Content-Type",
    hint: "application/fhir+json; NDJSON goes to /fhir/$ingest",
  });
}

interface EntryResponse {
  readonly status: string;
  readonly location?: string;
  readonly outcome: OperationOutcome;
}

function takenEntry(receipt: Taken, type: string): EntryResponse {
  const status = receipt.status === "duplicate" ? "200 OK" : "201 Created";
  return { status, location: `/fhir/${type}/${receipt.id}`, outcome: outcomeOfReceipt(receipt) };
}

function refusedEntry(error: MedtraceError): EntryResponse {
  const { status, outcome } = outcomeOfError(error);
  return { status: String(status), outcome };
}

/** @throws MedtraceError that says why it was not taken. */
function takenOrThrow(receipt: Receipted): Taken {
  if (receipt.status === "accepted" || receipt.status === "duplicate") return receipt;
  if (receipt.status === "refused") throw receipt.error;
  if (receipt.status === "withheld") throw new TypeError("a draft was withheld that was taken by itself");
  throw new MedtraceError("EVENT_CONFLICT", "an event of this id was already taken with other content", {
    at: receipt.id,
    hint: "give the changed event an id of its own; the attempt is on record",
  });
}
