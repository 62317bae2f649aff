/** What a sender that is over its institution's limit is told, each way in. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { openCache } from "@medtrace/engines/cache/open";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { ingestSettings } from "./config.ts";
import { auditEvent } from "./fhir/testing.ts";
import { startIngest } from "./run.ts";

const ADT = [
  "MSH|^~\\&|WARD|HOSPA|||20310102030405+0100||ADT^A08^ADT_A01|M1|P|2.5",
  "EVN|A08|20310102030405+0100",
  "PID|1||4711^^^HOSPA",
  "PV1|1|I",
].join("\r");

test("a sender over the limit is told to wait: 429 with Retry-After, AE, and lines that come later", async () => {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-rate-"));
  const settings = ingestSettings({
    MEDTRACE_DATA: folder,
    INGEST_PORT: "0",
    INGEST_MLLP_PORT: "0",
    INGEST_EVENTS_PER_SECOND_MAX: "3",
  });
  const { engines, auth } = settings;
  const issuer = await openIssuer({ data: folder, ...auth });
  const keys = await openKeyProvider(engines.keysUrl);
  try {
    await using cache = await openCache(engines.cacheUrl);
    await using vault = await openVault(engines.vaultUrl, keys);
    await using eventLog = await openEventLog(engines.eventLogUrl);
    const log = createLogger({ name: "ingest", level: "silent" });
    await using ingest = await startIngest({ eventLog, vault, keys, cache, settings, log });
    const tokenOf = (institution: string): Promise<string> =>
      issuer.issueToken({ institution, scopes: ["trace/events.write"], subject: "ehr", expires_s: 600 });
    const post = async (institution: string, path: string, type: string, body: string): Promise<Response> => {
      const headers = { authorization: `Bearer ${await tokenOf(institution)}`, "content-type": type };
      return await fetch(`${ingest.url}${path}`, { method: "POST", headers, body });
    };
    const fhir = (institution: string): Promise<Response> =>
      post(institution, "/fhir/AuditEvent", "application/fhir+json", JSON.stringify(auditEvent()));
    const ndjson = (count: number): Promise<Response> => {
      const body = Array.from({ length: count }, () => `${JSON.stringify(auditEvent())}\n`).join("");
      return post("hospital-a", "/fhir/$ingest", "application/fhir+ndjson", body);
    };
    const statusesOf = async (answer: Response): Promise<Set<string>> => {
      const lines = (await answer.text()).trim().split("\n");
      return new Set(lines.map((line) => (JSON.parse(line) as { status: string }).status));
    };

    // Taken whole, and four times what a second allows: whoever comes next, however slowly, is refused.
    assert.deepEqual(await statusesOf(await ndjson(12)), new Set(["accepted", "duplicate"]));
    const limited = await fhir("hospital-a");
    assert.equal(limited.status, 429);
    assert.equal(limited.headers.get("retry-after"), "1");
    const outcome = await limited.text();
    assert.match(outcome, /"OperationOutcome"/);
    assert.match(outcome, /RATE_LIMITED/);
    assert.ok((await fhir("hospital-b")).ok);

    const hl7 = await post("hospital-a", "/hl7v2", "text/plain", ADT);
    assert.equal(hl7.status, 429);
    assert.equal(hl7.headers.get("retry-after"), "1");
    assert.match(await hl7.text(), /\rMSA\|AE\|/);

    // A stream is slowed down in place of being refused.
    assert.deepEqual(await statusesOf(await ndjson(3)), new Set(["duplicate"]));

    const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
    assert.match(metrics, /medtrace_ingest_refused_total\{[^}]*code="RATE_LIMITED"[^}]*\} [1-9]/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
