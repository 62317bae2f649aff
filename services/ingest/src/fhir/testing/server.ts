/** The FHIR endpoints over embedded engines in a temporary folder, as tests ask them. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireBearer } from "@medtrace/service-kit/bearer";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { authSettings } from "@medtrace/shared/config";
import type { MedtraceError } from "@medtrace/shared/errors";
import type { Intake } from "../../normalise/draft.ts";
import { startPipeline, type TestPipeline } from "../../pipeline/testing.ts";
import { createNaming } from "../naming.ts";
import { fhirRoutes } from "../routes.ts";
import { DIRECTORY } from "../testing.ts";

export interface Issue {
  readonly severity: string;
  readonly code: string;
  readonly diagnostics: string;
  readonly details?: { readonly text: string };
  readonly expression?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export const JSON_TYPE = "application/fhir+json";
export const NDJSON_TYPE = "application/fhir+ndjson";

export interface Sent {
  /** Default: FHIR JSON. */
  readonly type?: string;
  /** Default: one of hospital-a that may write. Empty: none. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FhirServer extends AsyncDisposable {
  readonly url: string;
  readonly pipeline: TestPipeline;
  readonly tokens: Readonly<Record<"a" | "b" | "reader", string>>;
  /** Institution and code of each refusal that was told of. */
  readonly refused: string[];
  /** What the intake throws from now on; undefined: nothing. */
  failure: MedtraceError | undefined;
  send(path: string, body: unknown, sent?: Sent): Promise<Answer>;
  /** How many events some work put on the log. */
  adding(work: () => Promise<unknown>): Promise<number>;
}

export async function startFhir(): Promise<FhirServer> {
  const data = await mkdtemp(join(tmpdir(), "medtrace-fhir-"));
  const auth = authSettings({ MEDTRACE_DATA: data });
  const issuer = await openIssuer({ data, ...auth });
  const issue = (institution: string, scope: "trace/events.write" | "trace/lineage.read"): Promise<string> =>
    issuer.issueToken({ institution, scopes: [scope], subject: "ehr", expires_s: 600 });
  const tokens = {
    a: await issue("hospital-a", "trace/events.write"),
    b: await issue("hospital-b", "trace/events.write"),
    reader: await issue("hospital-a", "trace/lineage.read"),
  };
  const pipeline = await startPipeline();
  const intake: Intake = {
    accept: (...call) =>
      server.failure === undefined ? pipeline.intake.accept(...call) : Promise.reject(server.failure),
  };
  const refused: string[] = [];
  const log = createLogger({ name: "test", level: "silent" });
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });
  requireBearer(app, createTokenVerifier(auth));
  await app.register(
    fhirRoutes({
      intake,
      naming: createNaming(pipeline.vault, pipeline.keys),
      context: (institution) => ({ institution, directory: DIRECTORY, zone: "+00:00" }),
      limits: { bodyBytesMax: 4 * 1_048_576 },
      onRefused: (institution, code) => void refused.push(`${institution} ${code}`),
    }),
  );
  const url = await listen(app, { host: "127.0.0.1", port: 0 });
  const server: FhirServer = {
    url,
    pipeline,
    tokens,
    refused,
    failure: undefined,
    async send(path, body, { type = JSON_TYPE, token = tokens.a, headers: more = {} } = {}) {
      const headers = { "content-type": type, ...(token === "" ? {} : { authorization: `Bearer ${token}` }), ...more };
      const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
      const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: bytes as string });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
    async adding(work) {
      const before = (await pipeline.events()).length;
      await work();
      return (await pipeline.events()).length - before;
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await pipeline[Symbol.asyncDispose]();
      await rm(data, { recursive: true });
    },
  };
  return server;
}

/** The issues of an OperationOutcome. */
export function issuesOf({ text, headers }: Answer): Issue[] {
  assert.match(headers.get("content-type") ?? "", /^application\/fhir\+json/);
  const { resourceType, issue } = JSON.parse(text) as { resourceType: string; issue: Issue[] };
  assert.equal(resourceType, "OperationOutcome");
  return issue;
}

export function firstIssue(answer: Answer): Issue {
  const [issue] = issuesOf(answer);
  assert.ok(issue !== undefined);
  return issue;
}
