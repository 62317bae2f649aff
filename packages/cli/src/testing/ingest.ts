/** Ingest's own HTTP routes on a free port, over embedded engines, for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDirectory } from "@medtrace/ingest/directory";
import { createNaming } from "@medtrace/ingest/fhir/naming";
import { fhirRoutes } from "@medtrace/ingest/fhir/routes";
import { addHl7Routes } from "@medtrace/ingest/hl7v2/routes";
import { createTake } from "@medtrace/ingest/hl7v2/take";
import type { Draft, Intake } from "@medtrace/ingest/normalise/draft";
import { startPipeline } from "@medtrace/ingest/pipeline/testing";
import { requireBearer } from "@medtrace/service-kit/bearer";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { authSettings, type Environment } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";

export interface TestIngest extends AsyncDisposable {
  readonly url: string;
  /** Environment of a command that talks to it. */
  readonly env: Environment;
  readonly data: string;
  /** Drafts that were taken, with the institution that sent them. */
  readonly taken: readonly { readonly institution: string; readonly draft: Draft }[];
  /** Lets the next calls of the intake fail, one after another. */
  failNext(...errors: readonly MedtraceError[]): void;
}

export async function startTestIngest(): Promise<TestIngest> {
  const data = await mkdtemp(join(tmpdir(), "medtrace-cli-"));
  const auth = authSettings({ MEDTRACE_DATA: data });
  await openIssuer({ data, ...auth });
  const taken: { institution: string; draft: Draft }[] = [];
  const failures: MedtraceError[] = [];
  const pipeline = await startPipeline();
  const intake = noted(pipeline.intake, taken, failures);
  const naming = createNaming(pipeline.vault, pipeline.keys);
  const directory = await loadDirectory(undefined);
  const log = createLogger({ name: "test", level: "silent" });
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });
  requireBearer(app, createTokenVerifier(auth));
  let answers = 0;
  const zone = "+00:00";
  const controlId = (): string => `T${++answers}`;
  const bodyBytesMax = 32 * 1_048_576;
  addHl7Routes(app, { take: createTake({ intake, directory, zone, now_ms: Date.now, controlId }), bodyBytesMax });
  const context = (institution: string) => ({ institution, directory, zone });
  await app.register(fhirRoutes({ intake, context, naming, limits: { bodyBytesMax } }));
  const url = await listen(app, { host: "127.0.0.1", port: 0 });
  return {
    url,
    data,
    taken,
    env: { MEDTRACE_DATA: data, INGEST_URL: url },
    failNext: (...errors) => void failures.push(...errors),
    async [Symbol.asyncDispose]() {
      await app.close();
      await pipeline[Symbol.asyncDispose]();
      await rm(data, { recursive: true });
    },
  };
}

/** The pipeline, which fails as it is told to, and notes what it took. */
function noted(intake: Intake, taken: { institution: string; draft: Draft }[], failures: MedtraceError[]): Intake {
  return {
    async accept(institution, drafts, options) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      const told = await intake.accept(institution, drafts, options);
      for (const [i, { status }] of told.entries()) {
        const draft = drafts[i];
        if (status === "accepted" && draft !== undefined) taken.push({ institution, draft });
      }
      return told;
    },
  };
}

/** A failure that passes. */
export function busy(): MedtraceError {
  return new MedtraceError("BUSY", "the queue is full");
}
