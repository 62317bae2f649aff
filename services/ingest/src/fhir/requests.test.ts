import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { LineResult } from "./ndjson.ts";
import { type Answer, type FhirServer, firstIssue, JSON_TYPE, NDJSON_TYPE, startFhir } from "./testing/server.ts";
import { auditEvent, provenance } from "./testing.ts";

let server: FhirServer;
before(async () => {
  server = await startFhir();
});
after(() => server[Symbol.asyncDispose]());

describe("what a caller prefers to get back", () => {
  const prefer = (value: string): Promise<Answer> =>
    server.send("/fhir/AuditEvent", auditEvent({ id: "prefer" }), { headers: { prefer: value } });

  test("is nothing, the resource under its id, or an OperationOutcome", async () => {
    const { headers } = await prefer("return=OperationOutcome");
    const id = headers.get("location")?.split("/").at(-1);
    const minimal = await prefer("respond-async, return=minimal");
    assert.deepEqual(
      [minimal.status, minimal.text, minimal.headers.get("location")],
      [200, "", `/fhir/AuditEvent/${id}`],
    );
    const whole = JSON.parse((await prefer("return=representation")).text);
    assert.deepEqual(whole, { ...auditEvent(), id });
    for (const value of ["return=operationoutcome", "return=everything", "handling=strict"]) {
      assert.equal(JSON.parse((await prefer(value)).text).resourceType, "OperationOutcome", value);
    }
  });

  test("holds for the entries of a Bundle", async () => {
    const bundle = { resourceType: "Bundle", type: "batch", entry: [{ resource: auditEvent({ id: "prefer" }) }] };
    for (const [value, members] of [
      ["return=minimal", ["response"]],
      ["return=representation", ["resource", "response"]],
    ] as const) {
      const { text } = await server.send("/fhir", bundle, { headers: { prefer: value } });
      const [entry] = JSON.parse(text).entry;
      assert.deepEqual(Object.keys(entry), members);
      assert.equal(entry.response.outcome === undefined, value === "return=minimal");
    }
  });
});

test("the pattern that an event follows stands in it", async () => {
  const meta = { profile: ["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query"] };
  const answer = await server.send("/fhir/AuditEvent", auditEvent({ id: "pattern", meta }));
  const id = answer.headers.get("location")?.split("/").at(-1);
  const event = (await server.pipeline.events()).find((one) => one.id === id);
  assert.deepEqual(event?.source.patterns, ["Query"]);
  assert.ok(event?.source.flags.includes("balp:no-query"));
});

describe("a conditional create", () => {
  const create = (criteria: string, more: object, token = server.tokens.a): Promise<Answer> =>
    server.send("/fhir/AuditEvent", auditEvent(more), { token, headers: { "if-none-exist": criteria } });

  test("makes one event of its criteria, however they are written and whatever comes later", async () => {
    const first = await create("_tag=urn:x|1&entity=Observation/1", { id: "one" });
    assert.equal(first.status, 201, first.text);
    const added = await server.adding(async () => {
      for (const criteria of [
        "entity=Observation/1&_tag=urn:x|1",
        "http://h/fhir/AuditEvent?_tag=urn:x%7C1&entity=Observation/1",
      ]) {
        const again = await create(criteria, { id: "two", action: "U" });
        assert.deepEqual([again.status, again.headers.get("location")], [200, first.headers.get("location")]);
      }
    });
    assert.equal(added, 0);
    assert.equal((await create("_tag=urn:x|2", { id: "one" })).status, 201, "other criteria, another event");
    assert.equal((await create("_tag=urn:x|1&entity=Observation/1", { id: "one" }, server.tokens.b)).status, 201);
  });

  test("says nothing of its criteria in clear, as they may name a patient", async () => {
    await create("patient.identifier=urn:x|4711081599", {});
    assert.doesNotMatch(JSON.stringify(await server.pipeline.events()), /4711081599/);
  });

  test("without criteria is refused", async () => {
    for (const criteria of ["", "?", "x".repeat(3_000)]) {
      const answer = await create(criteria, {});
      assert.equal(answer.status, 422, criteria.slice(0, 10));
      assert.match(firstIssue(answer).diagnostics, /\(If-None-Exist\)/);
    }
  });

  test("may stand in a Bundle's entry", async () => {
    const entry = (id: string): object => ({
      resource: auditEvent({ id }),
      request: { method: "POST", url: "AuditEvent", ifNoneExist: "_tag=urn:x|bundle" },
    });
    const post = async (type: string, ...entries: object[]): Promise<string[]> => {
      const { text } = await server.send("/fhir", { resourceType: "Bundle", type, entry: entries });
      return JSON.parse(text).entry.map(({ response }: { response: { status: string } }) => response.status);
    };
    assert.deepEqual(await post("transaction", entry("b-one")), ["201 Created"]);
    assert.deepEqual(await post("transaction", entry("b-two"), { resource: auditEvent({ id: "b-other" }) }), [
      "200 OK",
      "201 Created",
    ]);
    assert.deepEqual(await post("batch", entry("b-three")), ["200 OK"]);
  });
});

describe("X-Provenance", () => {
  const header = (more: object = {}): string => {
    const { target: _, ...rest } = provenance(more);
    return JSON.stringify(rest);
  };

  test("becomes a Provenance of what the request makes", async () => {
    const answer = await server.send("/fhir/AuditEvent", auditEvent({ id: "xp1" }), {
      headers: {
        "x-provenance": header({ agent: [{ who: { reference: "Practitioner/xp" } }] }),
      },
    });
    assert.equal(answer.status, 201, answer.text);
    const id = answer.headers.get("location")?.split("/").at(-1);
    const made = (await server.pipeline.events()).filter(({ source }) => source.type === "Provenance");
    const one = made.find(({ records }) => records.some((record) => record.id === `hospital-a/AuditEvent/${id}`));
    assert.deepEqual([one?.records[0]?.role, one?.agents[0]?.id], ["generated", "hospital-a/Practitioner/xp"]);
  });

  test("of a Bundle names all that it makes", async () => {
    const entry = ["xp2", "xp3"].map((id) => ({ resource: auditEvent({ id }) }));
    const more = { "x-provenance": header({ recorded: "2026-02-02T02:02:02Z" }) };
    const { text } = await server.send("/fhir", { resourceType: "Bundle", type: "batch", entry }, { headers: more });
    const ids = JSON.parse(text).entry.map(({ response }: { response: { location: string } }) =>
      response.location.replace("/fhir/", "hospital-a/"),
    );
    const events = await server.pipeline.events();
    const one = events.find(({ recorded }) => recorded.utc === "2026-02-02T02:02:02.000Z");
    assert.deepEqual(one?.records.map((record) => record.id).sort(), ids.sort());
  });

  test("that is no Provenance, or says what its target is, refuses the request and takes nothing", async () => {
    for (const [value, place] of [
      ["{", "X-Provenance: line 1, column 2"],
      ["[]", "X-Provenance: Provenance"],
      [JSON.stringify(auditEvent()), "X-Provenance: resourceType"],
      [JSON.stringify(provenance()), "X-Provenance: Provenance.target"],
      [header({ agent: [] }), "X-Provenance: Provenance.agent"],
    ] as const) {
      const added = await server.adding(async () => {
        const more = { "x-provenance": value };
        const answer = await server.send("/fhir/AuditEvent", auditEvent({ id: "xp4" }), { headers: more });
        assert.ok(answer.status === 422 || answer.status === 400, answer.text);
        assert.ok(firstIssue(answer).diagnostics.includes(`(${place})`), answer.text);
      });
      assert.equal(added, 0);
    }
  });
});

describe("the CapabilityStatement", () => {
  interface Statement {
    readonly fhirVersion: string;
    readonly rest: readonly {
      readonly resource: readonly { type: string; interaction: readonly { code: string }[] }[];
      readonly interaction: readonly { code: string }[];
      readonly operation: readonly { name: string }[];
    }[];
  }
  const asked = async (accept: string): Promise<Response> =>
    await fetch(`${server.url}/fhir/metadata`, { headers: { accept } });

  test("may be asked for by anyone, in the release that is accepted", async () => {
    for (const [accept, version] of [
      ["*/*", "4.0.1"],
      ["application/fhir+xml;q=0.5, application/fhir+json;q=1.0", "4.0.1"],
      [`${JSON_TYPE}; fhirVersion=4.3`, "4.3.0"],
      [`application/json, ${JSON_TYPE}; fhirVersion="5.0"`, "5.0.0"],
    ] as const) {
      const answer = await asked(accept);
      assert.equal(answer.status, 200);
      assert.equal(((await answer.json()) as Statement).fhirVersion, version);
    }
    for (const accept of ["application/fhir+xml", `${JSON_TYPE}; fhirVersion=3.0`]) {
      assert.equal((await asked(accept)).status, 406, accept);
    }
  });

  test("says what the routes do, no more and no less", async () => {
    const { rest } = (await (await asked("*/*")).json()) as Statement;
    const [told] = rest;
    const interactions = told?.resource.flatMap(({ type, interaction }) =>
      interaction.map(({ code }) => `${code} ${type}`),
    );
    assert.deepEqual(interactions, ["create AuditEvent", "create Provenance"]);
    assert.deepEqual(
      told?.interaction.map(({ code }) => code),
      ["batch", "transaction"],
    );
    assert.deepEqual(
      told?.operation.map(({ name }) => name),
      ["ingest"],
    );
    for (const one of interactions ?? []) {
      const type = one.split(" ")[1] as string;
      const resource = type === "AuditEvent" ? auditEvent({ id: "told" }) : provenance({ id: "told" });
      assert.equal((await server.send(`/fhir/${type}`, resource)).status, 201, type);
    }
  });
});

describe("gzip", () => {
  test("is taken for a resource, and for NDJSON whose lines are answered as they come", async () => {
    const more = { "content-encoding": "gzip" };
    const packed = gzipSync(JSON.stringify(auditEvent({ id: "gz" })));
    assert.equal((await server.send("/fhir/AuditEvent", packed, { headers: more })).status, 201);
    const lines = Array.from({ length: 50 }, (_, i) => JSON.stringify(auditEvent({ id: `gz-${i}` })));
    const answer = await server.send("/fhir/$ingest", gzipSync(lines.join("\n")), { type: NDJSON_TYPE, headers: more });
    assert.equal(answer.text.split("\n").filter((line) => line.includes('"accepted"')).length, 50);
  });

  test("that breaks off in NDJSON is told after the lines that came", async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => JSON.stringify(auditEvent({ id: `cut-${i * 7919}` })));
    const packed = gzipSync(lines.join("\n"));
    const cut = packed.subarray(0, packed.length / 2);
    const answer = await server.send("/fhir/$ingest", cut, {
      type: NDJSON_TYPE,
      headers: { "content-encoding": "gzip" },
    });
    const results = answer.text.split("\n").filter(Boolean);
    const last = JSON.parse(results.at(-1) ?? "{}") as LineResult;
    assert.deepEqual([last.status, last.error?.code, last.error?.at], ["refused", "INPUT_MALFORMED", "body"]);
    assert.ok(results.length > 1_000, `${results.length} lines were answered`);
  });
});
