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

const TRIES_MAX = 500;
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
    const until429 = async (send: () => Promise<Response>): Promise<Response> => {
      for (let i = 0; i < TRIES_MAX; i++) {
        const answer = await send();
        if (answer.status === 429) return answer;
        assert.ok(answer.ok, `${answer.status}`);
        await answer.text();
      }
      throw new Error("the limit was never reached");
    };

    const limited = await until429(() => fhir("hospital-a"));
    assert.equal(limited.headers.get("retry-after"), "1");
    const outcome = await limited.text();
    assert.match(outcome, /"OperationOutcome"/);
    assert.match(outcome, /RATE_LIMITED/);
    assert.ok((await fhir("hospital-b")).ok);

    const hl7 = await until429(() => post("hospital-a", "/hl7v2", "text/plain", ADT));
    assert.equal(hl7.headers.get("retry-after"), "1");
    assert.match(await hl7.text(), /\rMSA\|AE\|/);

    const lines = Array.from({ length: 3 }, () => `${JSON.stringify(auditEvent())}\n`).join("");
    await until429(() => fhir("hospital-a"));
    const streamed = await post("hospital-a", "/fhir/$ingest", "application/fhir+ndjson", lines);
    const statuses = (await streamed.text())
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { status: string }).status);
    assert.ok(
      statuses.every((status) => status === "accepted" || status === "duplicate"),
      `${statuses}`,
    );

    const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
    assert.match(metrics, /medtrace_ingest_refused_total\{[^}]*code="RATE_LIMITED"[^}]*\} [1-9]/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
