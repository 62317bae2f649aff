/** The FHIR endpoints of ingest. */
import { Readable } from "node:stream";
import { addCapability } from "@medtrace/service-kit/capability";
import { answerOutcome, FHIR_JSON, releaseNamed } from "@medtrace/service-kit/fhir";
import { describeError } from "@medtrace/service-kit/http-status";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Draft, Intake, MappingContext } from "../normalise/draft.ts";
import { element, invalid } from "./element.ts";
import { parseJson } from "./json.ts";
import type { Naming } from "./naming.ts";
import { takeNdjson } from "./ndjson.ts";
import type { Taken } from "./operation-outcome.ts";
import { bodyOf, returnWanted } from "./prefer.ts";
import { takenOrThrow } from "./receipted.ts";
import { draftOfResource, resourceType, type TakenType } from "./resource.ts";
import { takeBundle } from "./take-bundle.ts";
import { HeaderProvenance, X_PROVENANCE } from "./x-provenance.ts";

export interface FhirRoutesOptions {
  readonly intake: Intake;
  readonly naming: Naming;
  readonly context: (institution: string) => MappingContext;
  readonly limits: { readonly bodyBytesMax: number };
  /** Told of each resource, or body of resources, that is refused. */
  readonly onRefused?: (institution: string, code: ErrorCode) => void;
}

const NDJSON = "application/fhir+ndjson";
const write = { scope: "trace/events.write" } as const;
/** What the CapabilityStatement says of both types beside their interactions. */
const DESCRIBED = { versioning: "no-version", conditionalCreate: true } as const;

/** A fastify plugin with the FHIR endpoints; its errors are OperationOutcomes. */
export function fhirRoutes(options: FhirRoutesOptions): (app: FastifyInstance) => Promise<void> {
  const { intake, naming, context, limits, onRefused = () => undefined } = options;
  const accept = async (institution: string, draft: Draft): Promise<Taken> => {
    const [receipt] = await intake.accept(institution, [draft]);
    if (receipt === undefined) throw new TypeError("the intake answered fewer drafts than it was given");
    return takenOrThrow(receipt);
  };

  /** Takes a resource that is to be created only where the criteria have made none (FHIR R4, 3.1.0.8.1). */
  const acceptUnless = async (institution: string, draft: Draft, criteria: string): Promise<Taken> => {
    const named = naming.named(draft, institution, criteria, "If-None-Exist");
    const [known] = await naming.known(institution, [named]);
    return known ?? (await accept(institution, named));
  };

  const create = (type: TakenType) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { institution } = request.caller;
    const { headers } = request;
    const resource = element(parseJson(jsonBody(request)), type);
    if (resourceType(resource) !== type)
      throw invalid("resourceType", `must be ${type} here`, "post others to their own path");
    const provenance = HeaderProvenance.of(headers[X_PROVENANCE], context(institution));
    const draft = draftOfResource(resource, context(institution));
    const criteria = headers["if-none-exist"];
    const taken = await (criteria === undefined
      ? accept(institution, draft)
      : acceptUnless(institution, draft, String(criteria)));
    if (provenance !== undefined) await accept(institution, provenance.of([`${type}/${taken.id}`]));
    reply.code(taken.status === "duplicate" ? 200 : 201).header("location", `/fhir/${type}/${taken.id}`);
    const body = bodyOf(returnWanted(headers["prefer"]), resource, taken);
    return body === undefined ? reply.send() : reply.type(FHIR_JSON).send(JSON.stringify(body));
  };

  return async (app) => {
    app.setErrorHandler((error, request, reply) => {
      const { code } = describeError(error);
      // Whoever is not known, or may not send, is counted among the requests.
      if (code !== undefined && isAdmitted(request)) onRefused(request.caller.institution, code);
      answerOutcome(error, request, reply);
    });
    app.addHook("onRequest", ({ headers }, _reply, done) => {
      releaseNamed(headers["content-type"], "Content-Type");
      done();
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(["application/fhir+json", "application/json"], app.wholeBody(limits.bodyBytesMax));
    app.addContentTypeParser([NDJSON, "application/x-ndjson", "application/ndjson"], (_request, body, done) =>
      done(null, body),
    );

    addCapability(app, {
      title: "medtrace ingest",
      description: "Takes AuditEvents and Provenances of R4, R4B and R5, by themselves, in Bundles and as NDJSON",
      resources: { AuditEvent: DESCRIBED, Provenance: DESCRIBED },
      operations: [{ name: "ingest", definition: "urn:medtrace:operation:ingest" }],
    });
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
        const own = context(institution);
        const answer = await takeBundle(
          { intake, naming, context: own, onRefused },
          {
            bundle: resource,
            returned: returnWanted(request.headers["prefer"]),
            provenance: HeaderProvenance.of(request.headers[X_PROVENANCE], own),
          },
        );
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
    let last = 0;
    try {
      for await (const results of takeNdjson(body, intake, context(institution))) {
        for (const { status, error } of results) {
          if (status === "conflict") onRefused(institution, "EVENT_CONFLICT");
          else if (error !== undefined) onRefused(institution, error.code);
        }
        last = results.at(-1)?.line ?? last;
        yield `${results.map((result) => JSON.stringify(result)).join("\n")}\n`;
      }
    } catch (error) {
      // The answer has begun: that the body cannot be read any further is told where the next result would stand.
      if (!(error instanceof MedtraceError)) throw error;
      const { code, message, at, hint } = error;
      onRefused(institution, code);
      yield `${JSON.stringify({ line: last + 1, status: "refused", error: { code, message, at, hint } })}\n`;
    }
  }
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
