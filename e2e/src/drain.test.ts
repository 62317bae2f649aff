/** SIGTERM to each service's own process, under load: unready, finish what was begun, commit, leave with 0. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertExactlyOnce } from "./faults/exactly-once.ts";
import { publish } from "./faults/publishing.ts";
import { SERVICES } from "./faults/services.ts";
import { LEFT_OUT, realEngines } from "./testing/engines.ts";
import { temporaryFolder, token } from "./testing/medtrace.ts";
import { type ServiceProcess, startService } from "./testing/service-process.ts";

const SEED = 23;

async function drains(t: TestContext, engines: Readonly<Record<string, string>>): Promise<void> {
  await using folder = await temporaryFolder();
  const env = { MEDTRACE_DATA: folder.path, ...engines };
  const bearer = await token(folder.path, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
  const ingest = await startService("ingest", env);
  const writer = await startService("ledger-writer", env);
  const query = await startService("query", { ...env, INGEST_URL: ingest.url });
  const processes: Record<(typeof SERVICES)[number], ServiceProcess> = { ingest, "ledger-writer": writer, query };
  try {
    const running = {
      places: { ingest: ingest.url, mllp: "", ledgerWriter: writer.url, query: query.url },
      env,
      pid: -1,
      kill: () => Promise.resolve(),
      stop: () => Promise.resolve(0),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    let stop = false;
    const publishing = publish(
      SEED,
      () => running,
      bearer,
      () => stop,
    );
    try {
      for (const service of SERVICES) {
        await sleep(500);
        const before = processes[service];
        assert.equal(await before.end("SIGTERM"), 0, before.log());
        assert.match(before.log(), /"msg":"draining"[\s\S]*"msg":"drained"/);
        assert.doesNotMatch(before.log(), /"level":"(error|fatal)"/);
        processes[service] = await startService(service, { ...before.env, ...before.ports });
      }
    } finally {
      stop = true;
    }
    const published = await publishing;
    await assertExactlyOnce(running, bearer, published, { env }, (line) => t.diagnostic(line));
  } finally {
    for (const process of Object.values(processes)) await process.end("SIGKILL");
  }
}

test("services that are told to end, end well, and lose and repeat nothing: on embedded engines", (t) => drains(t, {}));

test("services that are told to end, end well, and lose and repeat nothing: on Kafka, MongoDB and Redis", async (t) => {
  const engines = realEngines();
  if (engines === undefined) return t.diagnostic(LEFT_OUT);
  await drains(t, engines);
});

test("a service that is told to end is unready at once, and answers what it began", async () => {
  await using folder = await temporaryFolder();
  const env = { MEDTRACE_DATA: folder.path };
  const bearer = await token(folder.path, "hospital-a", "trace/events.write");
  const ingest = await startService("ingest", env);
  try {
    const lines = new TransformStream<Uint8Array>();
    const writer = lines.writable.getWriter();
    const answer = fetch(`${ingest.url}/fhir/$ingest`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/fhir+ndjson" },
      body: lines.readable,
      duplex: "half",
    });
    // A whole chunk of lines is answered while the request goes on: then it surely has begun.
    const line = (number: number): Uint8Array => Buffer.from(`${JSON.stringify(provenance(number))}\n`);
    for (let number = 0; number < 2_500; number++) await writer.write(line(number));
    const begun = await answer;
    const ended = ingest.end("SIGTERM");
    await ready(ingest.url, false);
    await writer.write(line(2_500));
    await writer.close();
    const results = (await begun.text()).trim().split("\n");
    assert.equal(results.length, 2_501);
    assert.ok(results.every((result) => (JSON.parse(result) as { status: string }).status === "accepted"));
    assert.equal(await ended, 0, ingest.log());
  } finally {
    await ingest.end("SIGKILL");
  }
});

/** Waits until a service says that it is unready, or takes no connection any more: both end its traffic. */
async function ready(url: string, wanted: boolean): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if ((answer?.ok ?? false) === wanted) return;
    await sleep(50);
  }
  assert.fail(`/readyz is not ${wanted}`);
}

function provenance(number: number): object {
  return {
    resourceType: "Provenance",
    target: [{ reference: `DiagnosticReport/r-${number}` }],
    recorded: "2026-01-02T03:04:05+01:00",
    agent: [{ who: { reference: "Practitioner/p1" } }],
  };
}
