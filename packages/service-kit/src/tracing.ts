/**
 * Traces by OpenTelemetry. Off unless OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Context travels as W3C
 * traceparent (w3.org/TR/trace-context): in by HTTP headers, on beside each log record, and so to anchor and projection.
 */
import {
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { type TracingSettings, tracingSettings } from "./config.ts";

/** Spans of one service; disposing sends what waits. */
export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

/** Traces that one batch links to or is told to, at most: a batch may hold tens of thousands of records. */
export const TRACES_A_BATCH_MAX = 32;
const EXPORT_MS_MAX = 5_000;

const OFF: Tracing = { tracer: trace.getTracer("medtrace"), [Symbol.asyncDispose]: async () => {} };

/** Opens tracing for a service; one that does nothing where no collector is named. */
export function openTracing(service: string, settings: TracingSettings = tracingSettings()): Tracing {
  if (settings.endpoint === undefined) return OFF;
  const url = `${settings.endpoint.replace(/\/$/, "")}/v1/traces`;
  return tracingTo(service, new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS_MAX }), settings.ratio);
}

/** Tracing into an exporter. */
export function tracingTo(service: string, exporter: SpanExporter, ratio = 1): Tracing {
  // Set once for the process; a second setting is refused by the API and changes nothing.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": `medtrace-${service}`, "service.namespace": "medtrace" }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  });
  return { tracer: provider.getTracer("medtrace"), [Symbol.asyncDispose]: () => shutDown(provider) };
}

/** Spans that no collector takes any more are lost; the service that leaves has done its work all the same. */
async function shutDown(provider: TracerProvider): Promise<void> {
  await provider.shutdown().catch(() => undefined);
}

/** The W3C traceparent of what is going on now; undefined where nothing is, or it is not sampled. */
export function activeTraceparent(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || (span.traceFlags & 1) === 0) return undefined;
  return `00-${span.traceId}-${span.spanId}-01`;
}

/** Trace and span id of what is going on now, as log lines name them; empty where nothing is. */
export function activeIds(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** The context that HTTP headers carry (traceparent, tracestate). */
export function contextOfHeaders(headers: Readonly<Record<string, unknown>>): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}

/** Runs work inside a span that ends with it, and shows whether it failed; never with what the error says. */
export async function inSpan<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), work);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Runs what a connection asks for in a span that begins a trace: where a protocol carries no context. */
export function inServerSpan<T>({ tracer }: Tracing, name: string, work: () => Promise<T>): Promise<T> {
  return inSpan(tracer.startSpan(name, { kind: SpanKind.SERVER }), work);
}

export interface BatchSpan {
  /** Such as `anchor`. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** W3C traceparents of the records in it. */
  readonly traces: ReadonlySet<string>;
}

/**
 * Runs work on a batch in a span that links to the records' traces, and shows in each of those traces, too, that and
 * when it was done: who follows one record need not know of batches.
 */
export async function inBatchSpan<T>(
  { tracer }: Tracing,
  { name, attributes, traces }: BatchSpan,
  work: () => Promise<T>,
): Promise<T> {
  if (traces.size === 0) return work();
  const parents = [...traces].slice(0, TRACES_A_BATCH_MAX).map((traceparent) => contextOfHeaders({ traceparent }));
  const links: Link[] = parents.flatMap((parent) => {
    const spanContext = trace.getSpanContext(parent);
    return spanContext === undefined ? [] : [{ context: spanContext }];
  });
  const startTime = Date.now();
  // In the first record's trace: a batch has none of its own that anyone would look for.
  const [first = ROOT_CONTEXT] = parents;
  const batch = tracer.startSpan(`${name} batch`, { attributes, links, startTime }, first);
  const done = await inSpan(batch, work);
  for (const parent of parents) {
    tracer.startSpan(name, { attributes, startTime, links: [{ context: batch.spanContext() }] }, parent).end();
  }
  return done;
}
