/** One trace from a request to its projection: sent to a collector by three services, found there under one id. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start, temporaryFolder, token } from "./testing/medtrace.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly links?: readonly { readonly spanId: string }[];
  readonly service: string;
}

/** A collector that takes OTLP in JSON. */
async function collector(): Promise<AsyncDisposable & { readonly url: string; readonly spans: Span[] }> {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    const { resourceSpans } = JSON.parse(await text(request)) as {
      resourceSpans: {
        resource: { attributes: { key: string; value: { stringValue?: string } }[] };
        scopeSpans: { spans: Omit<Span, "service">[] }[];
      }[];
    };
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
    response.setHeader("content-type", "application/json").end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const EVENT = {
  resourceType: "AuditEvent",
  type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
  action: "R",
  recorded: "2026-01-01T08:00:00Z",
  outcome: "0",
  agent: [{ who: { reference: "Practitioner/dr-1" }, requestor: true }],
  source: { observer: { reference: "Device/ward-system" } },
  entity: [{ what: { reference: "Observation/o-1" }, role: { code: "4" } }],
};

test("a request's trace goes on through its anchor to its projection, over three processes", async () => {
  await using folder = await temporaryFolder();
  await using otel = await collector();
  await using running = await start(folder.path, { OTEL_EXPORTER_OTLP_ENDPOINT: otel.url }, ["--processes"]);
  const bearer = await token(folder.path, "hospital-a", "trace/events.write");
  const traceId = randomBytes(16).toString("hex");
  const answer = await fetch(`${running.places.ingest}/fhir/AuditEvent`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/fhir+json",
      traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01`,
    },
    body: JSON.stringify(EVENT),
  });
  assert.equal(answer.status, 201);
  await answer.text();

  const wanted = ["medtrace-ingest", "medtrace-ledger-writer", "medtrace-projector"];
  const own = (): Span[] => otel.spans.filter((span) => span.traceId === traceId);
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(100)) {
    if (wanted.every((service) => own().some((span) => span.service === service))) break;
  }
  assert.deepEqual([...new Set(own().map(({ service }) => service))].sort(), wanted);
  const request = own().find(({ name }) => name === "POST /fhir/AuditEvent");
  for (const name of ["anchor", "project"]) {
    const span = own().find((one) => one.name === name);
    assert.equal(span?.parentSpanId, request?.spanId, `${name} is a child of the request`);
    const batch = otel.spans.find((one) => one.spanId === span?.links?.[0]?.spanId);
    assert.equal(batch?.name, `${name} batch`, `${name} links to its batch's span`);
    assert.ok(
      batch?.links?.some(({ spanId }) => spanId === request?.spanId),
      "which links to its records' requests",
    );
  }
});
