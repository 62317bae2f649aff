/** Many FHIR resources at once, some of them bad: what is taken is whole, and the rest is told of one by one. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { auditEvent, eventsTaken, namesPlace, refusal, type Target, withoutTrace } from "../testing/hostile.ts";

const NDJSON = { "content-type": "application/fhir+ndjson" };
const LINE_BYTES_MAX = 1_048_576;

let target: Target;

interface EntryResponse {
  readonly response: { readonly status: string; readonly outcome: { readonly issue: { diagnostics: string }[] } };
}

const bundle = (type: string, ...resources: unknown[]): object => ({
  resourceType: "Bundle",
  type,
  entry: resources.map((resource) => ({ resource, request: { method: "POST", url: "AuditEvent" } })),
});
const PATIENT = { resourceType: "Patient" };

interface LineResult {
  readonly line: number;
  readonly status: string;
  readonly error?: { readonly code: string; readonly at?: string; readonly hint?: string };
}

async function ingest(body: string | Uint8Array): Promise<LineResult[]> {
  const answer = await target.post("/fhir/$ingest", body, NDJSON);
  assert.equal(answer.status, 200, answer.text);
  return answer.text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LineResult);
}

/** Sends a part of a body and hangs up. */
async function leaveAfter(path: string, type: string, part: string): Promise<void> {
  await withoutTrace(target.running, async () => {
    const headers = { ...target.credential, "content-type": type, "transfer-encoding": "chunked" };
    const asked = request(`${target.running.places.ingest}${path}`, { method: "POST", headers });
    asked.on("error", () => {});
    asked.write(part);
    await sleep(50);
    asked.destroy();
    await sleep(50);
  });
}

/** Registers the tests of Bundles and NDJSON. */
export function badBundles(given: () => Target): void {
  before(() => {
    target = given();
  });

  describe("a Bundle with a bad entry", () => {
    const bad = (n: number): object[] => [
      auditEvent(`${n}a`),
      auditEvent("x", { agent: [{ who: 7 }] }),
      auditEvent(`${n}b`),
    ];

    test("as a batch: the others are taken, the bad one is told of at its place", async () => {
      const before = await eventsTaken(target.running);
      const answer = await target.post("/fhir", bundle("batch", ...bad(1)));
      assert.equal(answer.status, 200, answer.text);
      const { entry } = JSON.parse(answer.text) as { entry: EntryResponse[] };
      assert.deepEqual(
        entry.map(({ response }) => response.status),
        ["201 Created", "422", "201 Created"],
      );
      const [issue] = entry[1]?.response.outcome.issue ?? [];
      namesPlace(issue?.diagnostics ?? "", "Bundle.entry[1].resource.agent[0].who");
      assert.equal((await eventsTaken(target.running)) - before, 2);
    });

    test("as a transaction: nothing is taken", async () => {
      const answer = await withoutTrace(target.running, () => target.post("/fhir", bundle("transaction", ...bad(2))));
      refusal(answer, 422, "Bundle.entry[1].resource.agent[0].who");
    });

    test("whatever is bad about it, the entry is named", async () => {
      const entries: [object, string][] = [
        [{ resource: PATIENT }, "Bundle.entry[0].resource.resourceType"],
        [{}, "Bundle.entry[0].resource"],
        [{ resource: 7 }, "Bundle.entry[0].resource"],
        [{ resource: auditEvent("x"), request: { method: "DELETE" } }, "Bundle.entry[0].request.method"],
        [{ resource: auditEvent("x"), request: 7 }, "Bundle.entry[0].request"],
        [{ resource: bundle("batch", auditEvent("x")) }, "Bundle.entry[0].resource.resourceType"],
      ];
      for (const [entry, place] of entries) {
        const body = { resourceType: "Bundle", type: "transaction", entry: [entry] };
        refusal(await withoutTrace(target.running, () => target.post("/fhir", body)), 422, place);
      }
    });

    test("what is no list of entries, or too long a one, is refused whole", async () => {
      for (const entry of [7, "x", {}, [7], [null], Array(10_001).fill({ resource: PATIENT })]) {
        const body = { resourceType: "Bundle", type: "batch", entry };
        const status = Array.isArray(entry) && entry.length > 10_000 ? 413 : 422;
        refusal(
          await withoutTrace(target.running, () => target.post("/fhir", body)),
          status,
          /^Bundle\.entry(\[0\])?$/,
        );
      }
    });
  });

  describe("NDJSON", () => {
    test("each bad line is told of by its number and place, and the good ones are taken", async () => {
      const before = await eventsTaken(target.running);
      const lines = [
        JSON.stringify(auditEvent("n1")),
        "",
        '{"resourceType":"AuditEvent",}',
        "[1]",
        JSON.stringify(PATIENT),
        `{"__proto__":1}`,
        "[".repeat(100_000),
        JSON.stringify(auditEvent("n2")),
        '{"resourceType":',
      ];
      const results = await ingest(lines.join("\r\n"));
      assert.deepEqual(
        results.map(({ line, status, error }) => [line, status, error?.code, error?.at]),
        [
          [1, "accepted", undefined, undefined],
          [3, "refused", "INPUT_MALFORMED", "column 30"],
          [4, "refused", "INPUT_INVALID", "resource"],
          [5, "refused", "INPUT_INVALID", "resourceType"],
          [6, "refused", "INPUT_MALFORMED", "__proto__"],
          [7, "refused", "INPUT_MALFORMED", "byte 100"],
          [8, "accepted", undefined, undefined],
          [9, "refused", "INPUT_MALFORMED", "column 17"],
        ],
      );
      assert.ok(
        results.every(({ error }) => error === undefined || error.hint !== undefined),
        "says what to do",
      );
      assert.equal((await eventsTaken(target.running)) - before, 2);
    });

    test("a line without end is refused, and is not held", async () => {
      const before = await eventsTaken(target.running);
      const good = JSON.stringify(auditEvent("n3"));
      const results = await ingest(`${good}\n{"a":"${"x".repeat(40 * LINE_BYTES_MAX)}`);
      assert.deepEqual(
        results.map(({ line, status, error }) => [line, status, error?.code]),
        [
          [1, "accepted", undefined],
          [2, "refused", "INPUT_TOO_LARGE"],
        ],
      );
      assert.equal((await eventsTaken(target.running)) - before, 1);
    });

    test("a sender that leaves in the middle of a line: the line is not taken", async () => {
      await leaveAfter("/fhir/$ingest", NDJSON["content-type"], '{"resourceType":"AuditEvent"');
      await leaveAfter("/fhir/AuditEvent", "application/fhir+json", JSON.stringify(auditEvent("half")).slice(0, -1));
      await leaveAfter(
        "/fhir",
        "application/fhir+json",
        JSON.stringify(bundle("batch", auditEvent("half"))).slice(0, -1),
      );
    });
  });
}
