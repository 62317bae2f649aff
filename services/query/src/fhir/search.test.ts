import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventId } from "@medtrace/shared/model/trace-event";
import { A, B, type Sample, type Stack, SUPERVISOR, startStack, type Who } from "../testing/stack.ts";
import { type Bundle, bundleOf, idsIn, issueOf, linkOf } from "./testing.ts";

const enc = encodeURIComponent;
const REST = { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" };
const interaction = (code: string): { system: string; code: string } => ({
  system: "http://hl7.org/fhir/restful-interaction",
  code,
});
const UNSEALS: Who = { institution: "hospital-a", scopes: ["trace/lineage.read", "trace/unseal"] };
const at = (time: string): { given: string; utc: string } => ({ given: time, utc: new Date(time).toISOString() });

let stack: Stack;
let token = "";

/** The ids of samples, by name; those of hospital-a unless their name says otherwise. */
const idOf = (name: string): string => eventId(name.startsWith("b-") ? "hospital-b" : "hospital-a", "ehr", name, 0);
const namesOf = (ids: readonly string[]): string[] =>
  ids.map((id) => SAMPLES.map(({ name }) => name).find((name) => idOf(name) === id) ?? id).sort();
const found = async (query: string, who: Who = A): Promise<string[]> =>
  namesOf(idsIn(await stack.get(`/fhir/AuditEvent?${query}`, who)));

let SAMPLES: Sample[] = [];

before(async () => {
  stack = await startStack();
  const [subject] = await stack.vault.identify([
    {
      institution: "hospital-a",
      identifiers: [
        { system: "Patient", value: "p-4711", scope: "local" },
        { system: "urn:oid:2.999.100", value: "99887766", scope: "shared" },
      ],
    },
  ]);
  token = subject?.token ?? "";
  const patient = { id: `urn:medtrace:subject:${token}`, type: "Patient", role: "associated" } as const;
  SAMPLES = [
    {
      name: "read",
      kind: "read",
      when: "2026-03-01T08:00:00Z",
      codes: [REST, interaction("read")],
      subjects: [token],
      records: [{ id: "hospital-a/Observation/o1", type: "Observation", role: "used", version: "2" }, patient],
      agents: [
        { id: "hospital-a/Practitioner/d1", kind: "person", roles: ["IRCP"], requestor: true },
        { id: "hospital-a/Device/ehr", kind: "device", roles: ["110153"] },
      ],
      purposes: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "TREAT" }],
      correlation: "req-1",
      secret: "10.0.0.1",
    },
    {
      name: "created",
      when: "2026-03-01T12:00:00Z",
      kind: "create",
      codes: [REST, interaction("create")],
      subjects: [token],
      records: [{ id: "hospital-a/Observation/o1", type: "Observation", role: "generated" }, patient],
      agents: [
        {
          id: "hospital-a/Practitioner/urn%3Aoid%3A2.999.5%7C77",
          kind: "person",
          roles: ["AUT"],
          requestor: true,
        },
      ],
    },
    {
      name: "failed",
      when: "2026-03-02T08:00:00Z",
      kind: "delete",
      codes: [REST, interaction("delete")],
      outcome: "serious-failure",
      records: [{ id: "https://ehr.example.org/fhir/Consent/c1", type: "Consent", role: "associated" }],
      consents: ["https://ehr.example.org/fhir/Consent/c1"],
      agents: [{ id: "hospital-a/Practitioner/d2", kind: "person", roles: [], requestor: true }],
    },
    {
      name: "late",
      when: "2026-01-10T08:00:00Z",
      recorded: at("2026-03-05T08:00:00Z"),
      kind: "merge",
      codes: [],
      subjects: [token],
      records: [patient],
      agents: [{ id: "lab-c", kind: "institution", roles: [] }],
    },
    {
      name: "b-server",
      institution: "hospital-b",
      when: "2026-03-01T08:00:01Z",
      kind: "read",
      codes: [REST, interaction("read")],
      recipients: ["hospital-a"],
      records: [{ id: "hospital-b/Observation/o1", type: "Observation", role: "used" }],
      agents: [{ id: "hospital-b/Practitioner/d1", kind: "person", roles: ["IRCP"], requestor: true }],
      correlation: "req-1",
    },
    {
      name: "b-hidden",
      institution: "hospital-b",
      when: "2026-03-01T09:00:00Z",
      kind: "read",
      codes: [REST],
      subjects: [token],
    },
  ];
  await stack.publish(...SAMPLES);
});
after(() => stack[Symbol.asyncDispose]());

describe("a search for AuditEvents", () => {
  test("without parameters answers every event in scope, newest first, and no other", async () => {
    assert.deepEqual(await found(""), ["b-server", "created", "failed", "late", "read"]);
    assert.deepEqual(await found("", B), ["b-hidden", "b-server"]);
    assert.deepEqual(await found("", SUPERVISOR), ["b-hidden", "b-server", "created", "failed", "late", "read"]);
    const order = idsIn(await stack.get("/fhir/AuditEvent"));
    assert.deepEqual(order.at(0), idOf("failed"));
    assert.deepEqual(idsIn(await stack.get("/fhir/AuditEvent?_sort=date")), order.toReversed());
  });

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["date=2026-03-01", ["b-server", "created", "read"]],
    ["date=ge2026-03-01T12:00:00Z&date=lt2026-03-02", ["created"]],
    ["date=gt2026-03-01T12:00:00Z&date=le2026-03", ["failed"]],
    ["date=eq2026-03-01T13:00%2B01:00", ["created"]],
    ["date=sa2026-03-01&patient=Patient/p-4711", ["late"]],
    ["date=eb2026-03-02T08:00:00Z", ["b-server", "created", "read"]],
    ["date=ne2026-03-01&action=D", ["failed"]],
    ["date=2026-03-02,2026-03-01T08:00", ["b-server", "failed", "read"]],
    ["patient=Patient/p-4711", ["created", "late", "read"]],
    ["patient=p-4711&date=2026-03-05", ["late"]],
    ["patient.identifier=urn:oid:2.999.100|99887766", ["created", "late", "read"]],
    ["patient:identifier=urn:oid:2.999.100|99887766", ["created", "late", "read"]],
    ["patient.identifier=urn:oid:2.999.100|11111111", []],
    ["patient=Patient/p-4712", []],
    ["entity.identifier=urn:oid:2.999.100|99887766", ["created", "late", "read"]],
    ["entity=Patient/p-4711&action=R", ["read"]],
    ["entity=Observation/o1", ["created", "read"]],
    ["entity=Observation/o1/_history/2", ["read"]],
    ["entity:Observation=o1", ["created", "read"]],
    ["entity=hospital-b/Observation/o1", ["b-server"]],
    ["entity=https://ehr.example.org/fhir/Consent/c1", ["failed"]],
    ["entity.identifier=|req-1", ["b-server", "read"]],
    ["agent=Practitioner/d1", ["read"]],
    ["agent=Practitioner/d1,Practitioner/d2", ["failed", "read"]],
    ["agent=Practitioner/d1&agent=Device/ehr", ["read"]],
    ["agent=Practitioner/d1&agent=Practitioner/d2", []],
    ["agent=Organization/lab-c", ["late"]],
    ["agent.identifier=urn:oid:2.999.5|77", ["created"]],
    ["agent-role=IRCP", ["b-server", "read"]],
    ["role=http://terminology.hl7.org/CodeSystem/v3-ParticipationType|AUT", ["created"]],
    ["entity-type=1", ["created", "late", "read"]],
    [
      "entity-type=http://terminology.hl7.org/CodeSystem/audit-entity-type|2",
      ["b-server", "created", "failed", "read"],
    ],
    ["entity-type=http://hl7.org/fhir/resource-types|Consent", ["failed"]],
    ["entity-role=4", ["b-server", "created", "failed", "read"]],
    ["type=rest", ["b-server", "created", "failed", "read"]],
    ["type=http://terminology.hl7.org/CodeSystem/audit-event-type|rest&action=C", ["created"]],
    ["type=urn:other|rest", []],
    ["type:not=rest", ["late"]],
    ["subtype=read,create", ["b-server", "created", "read"]],
    ["subtype=http://hl7.org/fhir/restful-interaction|", ["b-server", "created", "failed", "read"]],
    ["subtype=|read", []],
    ["code=delete", ["failed"]],
    ["action=R", ["b-server", "read"]],
    ["action=U", ["late"]],
    ["outcome=8", ["failed"]],
    ["outcome=http://hl7.org/fhir/issue-severity|error", ["failed"]],
    ["outcome:not=0", ["failed"]],
    ["purpose=TREAT", ["read"]],
    ["site=hospital-b", ["b-server"]],
    ["source=ehr", ["b-server", "created", "failed", "late", "read"]],
    ["source=other", []],
  ];
  for (const [query, names] of cases) {
    test(`${query} finds ${names.join(", ") || "nothing"}`, async () => {
      assert.deepEqual(await found(query), [...names]);
    });
  }

  test("by id finds events in scope alone", async () => {
    assert.deepEqual(await found(`_id=${idOf("read")},${idOf("b-hidden")},nothing`), ["read"]);
    assert.deepEqual(await found(`_id=${idOf("read")}&action=C`), []);
  });

  test("by POST is the same, with parameters in body and URL", async () => {
    const authorization = `Bearer ${await stack.token(A)}`;
    const answer = await fetch(`${stack.url}/fhir/AuditEvent/_search?action=R`, {
      method: "POST",
      headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
      body: "patient.identifier=urn:oid:2.999.100%7C99887766",
    });
    assert.equal(answer.status, 200);
    const { entry = [], link } = (await answer.json()) as Bundle;
    assert.deepEqual(
      entry.map(({ resource }) => resource.id),
      [idOf("read")],
    );
    assert.doesNotMatch(JSON.stringify(link), /99887766/);
    assert.match(JSON.stringify(link), new RegExp(token));
  });
});

describe("pages of a search", () => {
  test("give each event once, whatever is published meanwhile", async () => {
    const all = idsIn(await stack.get("/fhir/AuditEvent?action=R,C,D,U"));
    const seen: string[] = [];
    let path: string | undefined = "/fhir/AuditEvent?action=R,C,D,U&_count=2";
    for (let i = 0; path !== undefined; i++) {
      const page = await stack.get(path);
      seen.push(...idsIn(page));
      path = linkOf(page, "next");
      await stack.publish({ name: `meanwhile-${i}`, when: "2026-03-01T10:00:00Z", kind: "execute" });
    }
    assert.deepEqual(seen, all);
  });

  test("are links that say nothing of the search, and are only the asker's", async () => {
    const page = await stack.get("/fhir/AuditEvent?patient.identifier=urn:oid:2.999.100|99887766&_count=1");
    const next = linkOf(page, "next") ?? "";
    assert.doesNotMatch(Buffer.from(next, "base64url").toString("latin1") + page.text, /99887766/);
    assert.equal((await stack.get(next)).status, 200);
    for (const path of [`${next}x`, next.slice(0, -4), `${next}&action=R`]) {
      assert.equal((await stack.get(path)).status, 422);
    }
    assert.equal((await stack.get(next, B)).status, 422);
  });
});

describe("what is sealed", () => {
  test("is shown to who may unseal it, for its own institution's events alone", async () => {
    const [mine] = bundleOf(await stack.get(`/fhir/AuditEvent?_id=${idOf("read")}`, UNSEALS)).entry ?? [];
    assert.match(JSON.stringify(mine), /10\.0\.0\.1/);
    for (const [name, who] of [
      ["read", A],
      ["b-server", UNSEALS],
    ] as const) {
      const text = (await stack.get(`/fhir/AuditEvent/${idOf(name)}`, who)).text;
      assert.doesNotMatch(text, /urn:medtrace:sealed/);
    }
  });

  test("is not searched for others", async () => {
    for (const query of ["address=10.0", "agent-name=x", "entity-name:exact=x"]) {
      assert.equal((await stack.get(`/fhir/AuditEvent?${query}`)).status, 403);
      assert.equal((await stack.get(`/fhir/AuditEvent?${query}`, UNSEALS)).status, 200);
    }
  });
});

describe("events of one request", () => {
  test("name one another, the client's and the server's, as far as the reader may see both", async () => {
    const related = async (name: string, who: Who): Promise<string[]> => {
      const { body } = await stack.get(`/fhir/AuditEvent/${idOf(name)}`, who);
      return (body.extension ?? [])
        .filter(({ url }: { url: string }) => url === "urn:medtrace:same-request")
        .map(({ valueReference }: { valueReference: { reference: string } }) => valueReference.reference);
    };
    assert.deepEqual(await related("read", A), [`AuditEvent/${idOf("b-server")}`]);
    assert.deepEqual(await related("b-server", A), [`AuditEvent/${idOf("read")}`]);
    assert.deepEqual(await related("b-server", B), []);
    const page = bundleOf(await stack.get("/fhir/AuditEvent?patient=p-4711"));
    assert.match(JSON.stringify(page.entry), new RegExp(`AuditEvent/${idOf("b-server")}`));
  });
});

test("events of one trace name one another, whatever their parent in it", async () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const [client = "", server = ""] = await stack.publish(
    { name: "trace-client", when: "2025-01-01T00:00:00Z", correlation: `00-${trace}-00f067aa0ba902b7-01` },
    { name: "trace-server", when: "2025-01-01T00:00:01Z", correlation: `00-${trace}-a3ce929d0e0e4736-01` },
  );
  const { text } = await stack.get(`/fhir/AuditEvent/${client}`);
  assert.ok(text.includes(`AuditEvent/${server}`), text);
});

describe("what cannot be answered", () => {
  const refusals: readonly (readonly [string, number, string])[] = [
    ["nonsense=1", 422, "(nonsense)"],
    ["date=yesterday", 422, "(date)"],
    ["date=2026-13", 422, "(date)"],
    ["date=zz2026", 422, "(date)"],
    ["patient.identifier=99887766", 422, "(patient.identifier)"],
    ["agent:missing=true", 422, "(agent)"],
    ["_sort=type", 422, "(_sort)"],
    ["_count=many", 422, "(_count)"],
    ["_summary=count", 422, "(_summary)"],
    ["_page=made-up", 422, "(_page)"],
    ["_format=xml", 406, "(_format)"],
    [`action=${"R,".repeat(200)}`, 413, "(action)"],
    [`action=${"R".repeat(9_000)}`, 413, "(search)"],
  ];
  for (const [query, status, place] of refusals) {
    test(`${query.slice(0, 40)} is refused with ${status} and its place`, async () => {
      const answer = await stack.get(`/fhir/AuditEvent?${query}`);
      assert.equal(answer.status, status, answer.text);
      assert.ok(issueOf(answer).diagnostics.includes(place), answer.text);
    });
  }

  test("in a body that is no form is refused", async () => {
    const answer = await stack.post("/fhir/AuditEvent/_search", { action: "R" });
    assert.deepEqual([answer.status, issueOf(answer).code], [415, "not-supported"]);
  });

  test("is passed over and told where the caller says so", async () => {
    const headers = { authorization: `Bearer ${await stack.token(A)}`, prefer: "handling=lenient" };
    const answer = await fetch(`${stack.url}/fhir/AuditEvent?nonsense=1&action=D`, { headers });
    const { entry = [] } = (await answer.json()) as Bundle;
    assert.deepEqual(
      entry.map(({ search }) => search.mode),
      ["match", "outcome"],
    );
  });

  test("of another's event is that there is none, as of one that is not there", async () => {
    for (const id of [idOf("b-hidden"), "0".repeat(64), "x"]) {
      const answer = await stack.get(`/fhir/AuditEvent/${enc(id)}`);
      assert.deepEqual([answer.status, issueOf(answer).code], [404, "not-found"]);
    }
  });

  test("identifiers that were searched for stand in no log line, report or metric", async () => {
    const secret = "MRN-55443322";
    await stack.get(`/fhir/AuditEvent?patient.identifier=urn:x|${secret}`);
    await stack.get(`/fhir/AuditEvent?entity.identifier=urn:x|${secret}`);
    await stack.get(`/fhir/AuditEvent?agent.identifier=urn:x|${secret}`);
    await stack.get(`/fhir/AuditEvent?entity=Patient/${secret}&entity=Observation/${secret}`);
    await stack.get(`/fhir/AuditEvent?nonsense=${secret}`);
    await stack.get(`/fhir/AuditEvent/${secret}`);
    const answered = await stack.get(`/fhir/AuditEvent?patient.identifier=urn:x|${secret}`);
    while (stack.reports.length < 60) await new Promise((resolve) => setTimeout(resolve, 20));
    const metrics = await (await fetch(`${stack.url}/metrics`)).text();
    const written = JSON.stringify(stack.reports) + stack.logged.join("") + metrics + answered.text;
    assert.equal(written.includes(secret), false);
  });
});
