import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import type { LineResult } from "./ndjson.ts";
import {
  type Answer,
  type FhirServer,
  firstIssue,
  type Issue,
  issuesOf,
  JSON_TYPE,
  NDJSON_TYPE,
  startFhir,
} from "./testing/server.ts";
import { auditEvent, provenance } from "./testing.ts";

let server: FhirServer;
let pipeline: FhirServer["pipeline"];
let tokens: FhirServer["tokens"];
let refused: string[];
before(async () => {
  server = await startFhir();
  ({ pipeline, tokens, refused } = server);
});
after(() => server[Symbol.asyncDispose]());

const send = (path: string, body: unknown, type = JSON_TYPE, token: string = tokens.a): Promise<Answer> =>
  server.send(path, body, { type, token });
const adding = (work: () => Promise<unknown>): Promise<number> => server.adding(work);

describe("creating a resource", () => {
  test("answers 201 with the event's id once it is on the log; sent again 200 with the same", async () => {
    for (const [type, resource] of [
      ["AuditEvent", auditEvent({ id: "c1" })],
      ["Provenance", provenance({ id: "c1" })],
    ] as const) {
      const answer = await send(`/fhir/${type}`, resource);
      assert.equal(answer.status, 201, answer.text);
      const id = answer.headers.get("location")?.replace(`/fhir/${type}/`, "") ?? "";
      assert.match(id, /^[0-9a-f]{64}$/);
      assert.deepEqual(issuesOf(answer), [
        { severity: "information", code: "informational", diagnostics: `accepted: ${id}`, details: { text: id } },
      ]);
      assert.ok((await pipeline.events()).some((event) => event.id === id));
      const again = await send(`/fhir/${type}`, resource);
      assert.deepEqual([again.status, again.headers.get("location")], [200, answer.headers.get("location")]);
    }
  });

  test("tells what is odd about it", async () => {
    const issues = issuesOf(
      await send("/fhir/AuditEvent", auditEvent({ id: "c2", outcome: undefined, action: undefined })),
    );
    assert.deepEqual(
      issues.slice(1).map(({ severity, diagnostics }) => [severity, diagnostics]),
      [
        ["warning", "fhir:missing-action"],
        ["warning", "fhir:missing-outcome"],
      ],
    );
  });

  test("is the token's institution's, whatever the resource says", async () => {
    const from = await send("/fhir/AuditEvent", auditEvent({ id: "c3" }), JSON_TYPE, tokens.b);
    const id = from.headers.get("location")?.split("/").at(-1);
    const event = (await pipeline.events()).find((one) => one.id === id);
    assert.deepEqual([event?.institution, event?.agents[0]?.id], ["hospital-b", "hospital-b/Practitioner/p1"]);
    assert.equal(
      (await send("/fhir/AuditEvent", auditEvent({ id: "c3" }))).status,
      201,
      "at another it is another event",
    );
  });

  test("takes R4, R4B and R5 by name, and no other release", async () => {
    for (const [version, status] of [
      ["4.0", 201],
      ["4.3", 201],
      ['"5.0"', 201],
      ["3.0", 415],
      ["6.0", 415],
    ] as const) {
      const answer = await send(
        "/fhir/AuditEvent",
        auditEvent({ id: `v${version}` }),
        `${JSON_TYPE}; fhirVersion=${version}`,
      );
      assert.equal(answer.status, status, version);
      if (status === 415)
        assert.match(firstIssue(answer).diagnostics, / \(Content-Type\) — send one of fhirVersion=4\.0/);
    }
  });
});

describe("a refusal", () => {
  const cases: [string, string, unknown, number, string, string | undefined][] = [
    ["broken JSON", "/fhir/AuditEvent", "{", 400, "structure", undefined],
    ["a missing element", "/fhir/AuditEvent", auditEvent({ agent: [] }), 422, "invalid", "AuditEvent.agent"],
    ["a wrong element", "/fhir/Provenance", provenance({ target: [7] }), 422, "invalid", "Provenance.target[0]"],
    ["no object", "/fhir/AuditEvent", "[]", 422, "invalid", "AuditEvent"],
    ["another type", "/fhir/AuditEvent", provenance(), 422, "invalid", "resourceType"],
    [
      "an older release",
      "/fhir/AuditEvent",
      auditEvent({ agent: [{ userId: {} }] }),
      415,
      "not-supported",
      "AuditEvent.agent[0].userId",
    ],
    [
      "too long a code",
      "/fhir/AuditEvent",
      auditEvent({ type: { code: "x".repeat(600) } }),
      413,
      "too-long",
      "AuditEvent.type.code",
    ],
    [
      "an event over the log's limit",
      "/fhir/AuditEvent",
      auditEvent({ entity: Array(20).fill({ description: "x".repeat(65_000) }) }),
      413,
      "too-long",
      "AuditEvent",
    ],
    ["a type of Bundle", "/fhir", { resourceType: "Bundle", type: "searchset" }, 422, "invalid", "Bundle.type"],
    ["no Bundle", "/fhir", auditEvent(), 422, "invalid", "resourceType"],
  ];
  for (const [name, path, body, status, code, expression] of cases) {
    test(`says what, where and what to do, and takes nothing: ${name}`, async () => {
      refused.length = 0;
      const added = await adding(async () => {
        const answer = await send(path, body);
        assert.equal(answer.status, status, answer.text);
        const issue = firstIssue(answer);
        assert.deepEqual([issue.severity, issue.code, issue.expression?.[0]], ["error", code, expression]);
        assert.match(issue.diagnostics, /^\S.+ \(.+\) — \S.+$/);
        assert.deepEqual(refused, [`hospital-a ${issue.details?.text}`]);
      });
      assert.equal(added, 0);
    });
  }

  test("of whoever may not send is not counted as one of a resource", async () => {
    refused.length = 0;
    assert.equal((await send("/fhir/AuditEvent", auditEvent(), JSON_TYPE, "")).status, 401);
    assert.equal((await send("/fhir/AuditEvent", auditEvent(), JSON_TYPE, tokens.reader)).status, 403);
    assert.deepEqual(refused, []);
  });

  test("that may pass asks to try again", async () => {
    for (const code of ["BUSY", "STORAGE_FAILED"] as const) {
      server.failure = new MedtraceError(code, "it is");
      const answers = [
        await send("/fhir/AuditEvent", auditEvent()),
        await send("/fhir", { resourceType: "Bundle", type: "batch", entry: [{ resource: auditEvent() }] }),
      ];
      server.failure = undefined;
      for (const answer of answers) assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
    }
  });
});

describe("a Bundle", () => {
  interface Response {
    readonly status: string;
    readonly location?: string;
    readonly outcome: { readonly issue: readonly Issue[] };
  }
  const bundle = (type: string, ...entry: object[]): object => ({ resourceType: "Bundle", type, entry });
  const post = (resource: object): object => ({ resource, request: { method: "POST", url: "AuditEvent" } });
  const put = (id: string, more: object = {}): object => ({
    resource: auditEvent({ id, ...more }),
    request: { method: "PUT", url: `AuditEvent/${id}` },
  });
  const responses = (answer: Answer): Response[] => {
    assert.equal(answer.status, 200, answer.text);
    const { resourceType, entry } = JSON.parse(answer.text) as {
      resourceType: string;
      entry: { response: Response }[];
    };
    assert.equal(resourceType, "Bundle");
    return entry.map(({ response }) => response);
  };
  const statuses = (answer: Answer): string[] => responses(answer).map(({ status }) => status);
  const bad = post(auditEvent({ recorded: "today" }));
  const large = post(auditEvent({ entity: Array(20).fill({ description: "y".repeat(65_000) }) }));

  test("has an answer for each entry, in their order", async () => {
    const entries = [post(auditEvent({ id: "b1" })), post(provenance({ id: "b1" })), post(auditEvent({ id: "b1" }))];
    for (const [type, answered] of [
      ["batch", "batch-response"],
      ["transaction", "transaction-response"],
      ["collection", "batch-response"],
    ] as const) {
      const answer = await send("/fhir", bundle(type, ...entries));
      assert.equal(JSON.parse(answer.text).type, answered);
      const found = responses(answer);
      const first = type === "batch" ? "201 Created" : "200 OK";
      assert.deepEqual(
        found.map(({ status }) => status),
        [first, first, "200 OK"],
      );
      assert.match(found[1]?.location ?? "", /^\/fhir\/Provenance\/[0-9a-f]{64}$/);
      assert.equal(found[0]?.location, found[2]?.location, "the same event twice is one");
    }
    assert.deepEqual(statuses(await send("/fhir", bundle("batch"))), []);
  });

  test("that is a batch takes the good entries, and tells of each bad one", async () => {
    refused.length = 0;
    const added = await adding(async () => {
      const entries = [post(auditEvent({ id: "b2" })), bad, large, {}, post(auditEvent({ id: "b3" }))];
      const found = responses(await send("/fhir", bundle("batch", ...entries)));
      assert.deepEqual(
        found.map(({ status }) => status),
        ["201 Created", "422", "413", "422", "201 Created"],
      );
      const places = found.map(({ outcome }) => outcome.issue[0]?.expression?.[0]);
      assert.deepEqual(places.slice(1, 4), [
        "Bundle.entry[1].resource.recorded",
        "Bundle.entry[2].resource",
        "Bundle.entry[3].resource",
      ]);
    });
    assert.equal(added, 2);
    assert.deepEqual(refused.sort(), [
      "hospital-a INPUT_INVALID",
      "hospital-a INPUT_INVALID",
      "hospital-a INPUT_TOO_LARGE",
    ]);
  });

  test("that is a transaction takes all, or nothing", async () => {
    for (const [entry, status, place] of [
      [bad, 422, "Bundle.entry[1].resource.recorded"],
      [large, 413, "Bundle.entry[1].resource"],
    ] as const) {
      const added = await adding(async () => {
        const answer = await send(
          "/fhir",
          bundle("transaction", post(auditEvent({ id: "b4" })), entry, post(auditEvent({ id: "b5" }))),
        );
        assert.equal(answer.status, status);
        assert.deepEqual(firstIssue(answer).expression, [place]);
      });
      assert.equal(added, 0);
    }
  });

  test("that puts other content under a taken id: refused, kept as one event, and of a transaction nothing else", async () => {
    assert.deepEqual(statuses(await send("/fhir", bundle("batch", put("p1"), put("p1")))), ["201 Created", "200 OK"]);
    const changed = put("p1", { action: "D" });
    const kept = await adding(async () => {
      assert.deepEqual(statuses(await send("/fhir", bundle("batch", changed, put("p2")))), ["409", "201 Created"]);
    });
    assert.equal(kept, 2, "one that was taken, one of the conflict");
    const again = await adding(async () => {
      const answer = await send("/fhir", bundle("transaction", put("p3"), changed));
      assert.equal(answer.status, 409);
      assert.deepEqual(firstIssue(answer).expression, ["Bundle.entry[1]"]);
      assert.match(firstIssue(answer).diagnostics, /give the changed event an id of its own/);
    });
    assert.equal(again, 0, "it was on record already");
    assert.deepEqual(statuses(await send("/fhir", bundle("transaction", put("p3")))), ["201 Created"]);
  });
});

describe("NDJSON", () => {
  const linesOf = ({ status, text, headers }: Answer): LineResult[] => {
    assert.equal(status, 200, text);
    assert.match(headers.get("content-type") ?? "", /^application\/fhir\+ndjson/);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LineResult);
  };

  test("answers a line for each, under each of its media types", async () => {
    for (const type of [NDJSON_TYPE, "application/x-ndjson", "application/ndjson", `${NDJSON_TYPE}; fhirVersion=4.0`]) {
      const body = [auditEvent({ id: type }), { resourceType: "Patient" }, auditEvent({ id: type })].map((one) =>
        JSON.stringify(one),
      );
      refused.length = 0;
      const results = linesOf(await send("/fhir/$ingest", body.join("\n"), type));
      assert.deepEqual(
        results.map(({ line, status }) => `${line} ${status}`),
        ["1 accepted", "2 refused", "3 duplicate"],
      );
      assert.equal(results[0]?.id, results[2]?.id);
      assert.deepEqual(refused, ["hospital-a INPUT_INVALID"]);
    }
  });

  test("one line that cannot be an event spoils no other", async () => {
    const large = auditEvent({ entity: Array(15).fill({ description: "z".repeat(65_000) }) });
    const body = [auditEvent({ id: "n1" }), large, auditEvent({ id: "n2" })]
      .map((one) => JSON.stringify(one))
      .join("\n");
    const results = linesOf(await send("/fhir/$ingest", body, NDJSON_TYPE));
    assert.deepEqual(
      results.map(({ status }) => status),
      ["accepted", "refused", "accepted"],
    );
    assert.deepEqual([results[1]?.error?.code, results[1]?.error?.at], ["INPUT_TOO_LARGE", "AuditEvent"]);
  });

  test("is not taken where one resource is, nor one resource where NDJSON is", async () => {
    for (const answer of [
      await send("/fhir/$ingest", JSON.stringify(auditEvent())),
      await send("/fhir/AuditEvent", JSON.stringify(auditEvent()), NDJSON_TYPE),
      await send("/fhir", "{}", NDJSON_TYPE),
    ]) {
      assert.equal(answer.status, 415);
      assert.match(firstIssue(answer).diagnostics, /\(Content-Type\)/);
    }
  });
});
