import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { ingestSettings } from "./config.ts";
import { er7, msh } from "./hl7v2/testing.ts";
import { FRAME_END, frame } from "./mllp/framer.ts";
import { startIngest } from "./run.ts";

interface Stand extends AsyncDisposable {
  readonly url: string;
  metrics(): Promise<string>;
  readonly mllpPort: number;
  post(path: string, type: string, body: string): Promise<number>;
  /** The value of a metric's sample; undefined where it is not told. */
  sample(name: string): Promise<number | undefined>;
}

async function startStand(): Promise<Stand> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-observe-"));
  const settings = ingestSettings({
    MEDTRACE_DATA: folder,
    INGEST_PORT: "0",
    INGEST_MLLP_PORT: "0",
    INGEST_MLLP_INSTITUTION: "hospital-b",
    INGEST_FRAME_BYTES_MAX: "65536",
  });
  const { engines, auth } = settings;
  const issuer = await openIssuer({ data: folder, ...auth });
  const keys = await openKeyProvider(engines.keysUrl);
  const vault = await openVault(engines.vaultUrl, keys);
  const eventLog = await openEventLog(engines.eventLogUrl);
  const log = createLogger({ name: "ingest", level: "silent" });
  const ingest = await startIngest({ eventLog, vault, keys, settings, log });
  const scopes = ["trace/events.write"];
  const token = await issuer.issueToken({ institution: "hospital-a", scopes, subject: "ehr", expires_s: 600 });
  const metrics = async (): Promise<string> => await (await fetch(`${ingest.url}/metrics`)).text();
  return {
    url: ingest.url,
    metrics,
    mllpPort: Number(ingest.mllp.split(":").at(-1)),
    async post(path, type, body) {
      const headers = { authorization: `Bearer ${token}`, "content-type": type };
      const answer = await fetch(`${ingest.url}${path}`, { method: "POST", headers, body });
      await answer.text();
      return answer.status;
    },
    async sample(name) {
      const line = (await metrics()).split("\n").find((one) => one.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(" ").at(-1));
    },
    async [Symbol.asyncDispose]() {
      for (const part of [ingest, eventLog, vault]) await part[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const FHIR = "application/fhir+json";

function auditEvent(more: object = {}): string {
  return JSON.stringify({
    resourceType: "AuditEvent",
    type: { system: "http://dicom.nema.org/resources/ontology/DCM", code: "110110" },
    action: "R",
    recorded: "2026-03-01T08:00:00Z",
    agent: [{ who: { reference: "Practitioner/7" }, requestor: true }],
    source: { observer: { reference: "Device/ehr" } },
    ...more,
  });
}

const labels = (institution: string, more: Readonly<Record<string, string>>): string =>
  `{${Object.entries({ institution, ...more })
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;

const events = (outcome: string): string =>
  `medtrace_ingest_events_total${labels("hospital-a", { format: "fhir-r4", outcome })}`;
const refused = (format: string, code: string): string =>
  `medtrace_ingest_refused_total${labels("hospital-a", { format, code })}`;

describe("ingest's metrics of FHIR", () => {
  it("count what was accepted, came again, was odd, and was refused, for each institution", async () => {
    await using stand = await startStand();
    const one = auditEvent();
    assert.equal(await stand.post("/fhir/AuditEvent", FHIR, one), 201);
    assert.equal(await stand.post("/fhir/AuditEvent", FHIR, one), 200);
    assert.equal(await stand.sample(events("accepted")), 1);
    assert.equal(await stand.sample(events("duplicate")), 1);
    const flagged = `medtrace_ingest_events_flagged_total${labels("hospital-a", { format: "fhir-r4" })}`;
    const before = (await stand.sample(flagged)) ?? 0;
    const { source: _, ...odd } = JSON.parse(auditEvent({ action: "C" })) as Record<string, unknown>;
    assert.equal(await stand.post("/fhir/AuditEvent", FHIR, JSON.stringify({ ...odd, source: {} })), 201);
    assert.equal(await stand.sample(flagged), before + 1);
    assert.equal(await stand.post("/fhir/AuditEvent", FHIR, "{"), 400);
    assert.equal(await stand.post("/fhir/Provenance", FHIR, one), 422);
    assert.equal(await stand.sample(refused("fhir", "INPUT_MALFORMED")), 1);
    assert.equal(await stand.sample(refused("fhir", "INPUT_INVALID")), 1);
  });

  it("count each line of NDJSON and each entry of a Bundle", async () => {
    await using stand = await startStand();
    const lines = [auditEvent({ action: "U" }), "{", '{"resourceType":"Patient"}'].join("\n");
    assert.equal(await stand.post("/fhir/$ingest", "application/fhir+ndjson", lines), 200);
    assert.equal(await stand.sample(refused("fhir", "INPUT_MALFORMED")), 1);
    const entry = [{ resource: JSON.parse(auditEvent({ action: "D" })) }, { resource: { resourceType: 7 } }];
    const bundle = JSON.stringify({ resourceType: "Bundle", type: "batch", entry });
    const refusals = async (): Promise<number> => {
      const codes = ["INPUT_MALFORMED", "INPUT_INVALID", "INPUT_UNSUPPORTED"];
      const counts = await Promise.all(codes.map((code) => stand.sample(refused("fhir", code))));
      return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    };
    assert.equal(await refusals(), 2);
    assert.equal(await stand.post("/fhir", FHIR, bundle), 200);
    assert.equal(await refusals(), 3);
    assert.equal(await stand.sample(events("accepted")), 2);
  });

  it("do not count for an institution what came without a token", async () => {
    await using stand = await startStand();
    assert.equal((await fetch(`${stand.url}/fhir/AuditEvent`, { method: "POST", body: "{" })).status, 401);
    assert.doesNotMatch(await stand.metrics(), /^medtrace_ingest_refused_total\{/m);
  });
});

/** Sends bytes and resolves with what came back once there are this many answers. */
async function exchange(socket: Socket, bytes: Uint8Array, answers: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let ends = 0;
  const count = (chunk: Uint8Array): void => {
    for (const byte of chunk) if (byte === FRAME_END) ends++;
    if (ends >= answers) resolve();
  };
  socket.on("data", count);
  socket.write(bytes);
  await promise;
  socket.off("data", count);
}

describe("ingest's metrics of MLLP", () => {
  it("count connections, frames, bytes and acknowledgments of the listener's institution", async () => {
    await using stand = await startStand();
    const mine = (name: string, more: Readonly<Record<string, string>> = {}): Promise<number | undefined> =>
      stand.sample(`medtrace_mllp_${name}${labels("hospital-b", more)}`);
    const socket = connect(stand.mllpPort, "127.0.0.1");
    const good = frame(er7(msh("ADT^A08", { id: "M1" }), "PID|1||4711^^^MPI"));
    const wrong = frame(er7(msh("ADT^A08", { id: "M2", version: "9.9" }), "PID|1||4711^^^MPI"));
    const abandoned = Buffer.from("\u000bMSH|^~");
    const sent = Buffer.concat([good, wrong, abandoned, good]);
    await exchange(socket, sent, 3);
    assert.deepEqual(await Promise.all([mine("connections"), mine("frames_taken_total")]), [1, 3]);
    assert.equal(await mine("received_bytes_total"), sent.length);
    assert.ok(((await mine("sent_bytes_total")) ?? 0) > 0);
    assert.equal(await mine("acknowledgments_total", { code: "AA" }), 2);
    assert.equal(await mine("acknowledgments_total", { code: "AR" }), 1);
    assert.equal(await mine("frames_refused_total", { reason: "abandoned" }), 1);
    const hl7 = labels("hospital-b", { format: "hl7v2", code: "INPUT_UNSUPPORTED" });
    assert.equal(await stand.sample(`medtrace_ingest_refused_total${hl7}`), 1);
    const large = Buffer.alloc(70_000, "x");
    large[0] = 0x0b;
    await exchange(socket, large, 1);
    assert.equal(await mine("frames_refused_total", { reason: "too-large" }), 1);
    socket.destroy();
    while ((await mine("connections")) !== 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
