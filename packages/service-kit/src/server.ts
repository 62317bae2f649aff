/**
 * The HTTP side that every service has: probes, metrics, OpenAPI, limits, log lines that identify nobody, and a drain
 * that lets what is in flight finish. Routes, and who may call them (bearer.ts), are the service's own.
 */
import { randomBytes } from "node:crypto";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from "fastify";
import manifest from "../package.json" with { type: "json" };
import { holdBodies } from "./bodies.ts";
import { cannotListen } from "./cannot-listen.ts";
import { decodeBodies } from "./codings.ts";
import { describeError, isTransient } from "./http-status.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { readiness } from "./readiness.ts";
import { answerNoRequest, refuseUnknown } from "./refusals.ts";
import type {} from "./scopes.ts";
import { contextOfHeaders, type Tracing } from "./tracing.ts";

export interface ServerLimits {
  /** Body of one request, bytes. */
  readonly bodyBytesMax: number;
  /** Bodies of all requests that are not answered yet, bytes. */
  readonly heldBytesMax: number;
  /** A path parameter as it stands in the URL, characters: record ids are URLs themselves. */
  readonly paramCharactersMax: number;
  readonly connectionsMax: number;
  /** Silence on a connection. */
  readonly connection_ms_max: number;
  /** A whole request, from its first byte to its last. */
  readonly request_ms_max: number;
  readonly headers_ms_max: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  bodyBytesMax: 1_048_576,
  heldBytesMax: 128 * 1_048_576,
  paramCharactersMax: 2_048,
  connectionsMax: 10_000,
  connection_ms_max: 120_000,
  request_ms_max: 300_000,
  headers_ms_max: 15_000,
};

/** How often connections are held to their times. */
const CHECK_MS = 5_000;
const IDLE_CHECK_MS = 50;

export type ErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => unknown;

export interface ServerOptions {
  /** The service's name, such as `ingest`. */
  readonly name: string;
  /** Shown in the API description. Default: the project's. */
  readonly version?: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** What is missing for the service to do its work, in words; empty when it is ready. */
  readonly ready: () => Promise<readonly string[]>;
  readonly limits?: Partial<ServerLimits>;
  /** Default: none. */
  readonly tracing?: Tracing;
  /** The form that errors are answered in. Default: problem details (RFC 9457). */
  readonly errorHandler?: ErrorHandler;
}

/** Asked every few seconds by machines: nobody looks for their traces. */
const PROBES: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics"]);
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * A server that does not listen yet. It has `/livez`, `/readyz`, `/metrics`, `/openapi.json` and `/docs`; closing it
 * (`close()` or `await using`) makes it unready, lets what is in flight finish, and takes nothing more.
 */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { log, errorHandler = answerProblem } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const run = randomBytes(6).toString("base64url");
  let requests = 0;
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "request" }),
    // A caller's own request id is the caller's text: it is not taken into log lines.
    requestIdHeader: false,
    genReqId: () => `${run}-${(++requests).toString(36)}`,
    bodyLimit: limits.bodyBytesMax,
    connectionTimeout: limits.connection_ms_max,
    requestTimeout: limits.request_ms_max,
    http: {
      headersTimeout: limits.headers_ms_max,
      connectionsCheckingInterval: Math.min(CHECK_MS, limits.headers_ms_max),
    },
    routerOptions: { maxParamLength: limits.paramCharactersMax },
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    clientErrorHandler: answerNoRequest,
    frameworkErrors: (error, request, reply) => void errorHandler(error, request, reply),
  });
  app.server.maxConnections = limits.connectionsMax;
  app.setErrorHandler(errorHandler);
  refuseUnknown(app);
  readJsonBodies(app, limits);
  decodeBodies(app);
  observe(app, options.metrics);
  if (options.tracing !== undefined) traceRequests(app, options.tracing);
  await describeRoutes(app, options);
  addProbes(app, options);
  return app;
}

/**
 * Listens, and gives the base URL. Port 0 takes any free one.
 *
 * @throws MedtraceError CONFIGURATION where the address or port cannot be had.
 */
export async function listen(
  app: FastifyInstance,
  at: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    return await app.listen({ host: at.host, port: at.port });
  } catch (error) {
    throw cannotListen(error, at);
  }
}

/** JSON alone is read, unless a route's own context says otherwise. */
function readJsonBodies(app: FastifyInstance, { bodyBytesMax, heldBytesMax }: ServerLimits): void {
  holdBodies(app, heldBytesMax);
  const read = app.wholeBody(bodyBytesMax);
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (request, payload, done) => {
    read(request, payload).then((body) => parse(request, body.toString("utf8"), done), done);
  });
}

/** Measures and logs each answer: the route's pattern, never the path that was asked for. */
function observe(app: FastifyInstance, metrics: Metrics): void {
  const duration = metrics.histogram({
    name: "medtrace_http_request_duration_seconds",
    help: "Time from a request's headers to the end of its answer",
    labels: ["route", "method", "status"],
    buckets: DURATION_BUCKETS_S,
  });
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "unmatched";
    const { method } = request;
    const status = reply.statusCode;
    duration.observe({ route, method, status: String(status) }, reply.elapsedTime / 1_000);
    const line = { route, method, status, duration_ms: Math.round(reply.elapsedTime * 1_000) / 1_000 };
    if (status >= 500) request.log.warn(line, "answered");
    else if (status >= 400) request.log.info(line, "answered");
    else request.log.debug(line, "answered");
    done();
  });
  app.addHook("onError", (request, _reply, error, done) => {
    // Whoever goes away in the middle of a request has no error of ours.
    if (request.raw.socket.destroyed) request.log.info({ err: error }, "the client went away");
    else if (describeError(error).status >= 500) request.log.error({ err: error }, "request failed");
    done();
  });
}

/** One span a request, in the trace of whoever sent it (OpenTelemetry's conventions for HTTP servers). */
function traceRequests(app: FastifyInstance, { tracer }: Tracing): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  app.addHook("onRequest", (request, _reply, done) => {
    const route = request.routeOptions.url ?? "unmatched";
    if (PROBES.has(route)) return done();
    const parent = contextOfHeaders(request.headers);
    const attributes = { "http.request.method": request.method, "http.route": route };
    const span = tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
    spans.set(request, span);
    context.with(trace.setSpan(parent, span), done);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const span = spans.get(request);
    span?.setAttribute("http.response.status_code", reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
}

async function describeRoutes(
  app: FastifyInstance,
  { name, version = manifest.version }: ServerOptions,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: `medtrace ${name}`, version },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: ({ schema, url, route }) => {
      const { config } = route;
      const needs = config?.public === true ? [] : [{ bearer: config?.scope === undefined ? [] : [config.scope] }];
      return { schema: { security: needs, ...schema }, url };
    },
  });
  await app.register(async (docs) => {
    docs.addHook("onRoute", (route) => {
      route.config = { ...route.config, public: true };
    });
    await docs.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
  });
}

function addProbes(app: FastifyInstance, { ready, metrics }: ServerOptions): void {
  const state = readiness(ready);
  app.addHook("preClose", async () => {
    state.drain();
    endIdleConnections(app);
  });
  const hidden = { config: { public: true }, schema: { hide: true } };
  app.get("/livez", hidden, async () => ({ live: true }));
  app.get("/readyz", hidden, async (_request, reply) => {
    const missing = await state.missing();
    return missing.length === 0 ? { ready: true } : reply.code(503).send({ ready: false, missing });
  });
  app.get("/metrics", hidden, async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get("/openapi.json", hidden, async () => app.swagger());
}

/**
 * While a server closes, ends connections as they fall idle: one whose last answer was in flight would else be kept
 * alive for more than a minute, and the drain with it.
 */
function endIdleConnections({ server }: FastifyInstance): void {
  const timer = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS).unref();
  server.once("close", () => clearInterval(timer));
}

/** An error as problem details (RFC 9457), with what this project adds: `code`, `at`, `hint`. */
export function answerProblem(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const { status, code = "INTERNAL", message, at, hint } = describeError(error);
  if (isTransient(status)) reply.header("retry-after", "1");
  reply
    .code(status)
    .type("application/problem+json")
    .send(JSON.stringify({ title: code, status, detail: message, code, at, hint }));
}
