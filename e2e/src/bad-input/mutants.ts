/** Whatever ingest takes, everybody behind it can read: no hostile value makes an event that only its log knows. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { auditEvent, eventsTaken, type Target } from "../testing/hostile.ts";
import { getJson, settled } from "../testing/medtrace.ts";
import { mutantMessages, mutantResources } from "../testing/mutants.ts";
import { filesIn } from "../testing/sample.ts";
import { admission, msh } from "./messages.ts";

const SEED = 20_260_101;
const COUNT = 3_000;
/** What a sender may be told of its own input. */
const REFUSALS: ReadonlySet<string> = new Set([
  "INPUT_MALFORMED",
  "INPUT_INVALID",
  "INPUT_UNSUPPORTED",
  "INPUT_TOO_LARGE",
]);

const PATIENT = {
  reference: "Patient/PATSECRET",
  type: "Patient",
  identifier: { system: "urn:oid:1.2.3", value: "99887766" },
  display: "NEMONAME",
};
const RESOURCES = [
  auditEvent("m", {
    subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: "read" }],
    period: { start: "2026-01-01T00:00:00Z", end: "2026-01-01T00:00:01Z" },
    outcomeDesc: "as expected",
    purposeOfEvent: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "TREAT" }] }],
    agent: [
      {
        type: { coding: [{ code: "IRCP" }] },
        role: [{ coding: [{ code: "AUT" }] }],
        who: { reference: "Practitioner/1", display: "Dr. No", identifier: { system: "s", value: "v" } },
        altId: "a",
        name: "No",
        requestor: true,
        network: { address: "192.0.2.1", type: "2" },
        policy: ["Consent/1"],
      },
      { who: PATIENT, requestor: false },
    ],
    entity: [
      { what: PATIENT, type: { code: "1" }, role: { code: "1" } },
      { what: { reference: "Observation/1/_history/2" }, role: { code: "4" }, lifecycle: { code: "6" }, name: "x" },
      { what: { reference: "Consent/1" }, detail: [{ type: "X-Request-Id", valueString: "r" }], query: "YQ==" },
    ],
  }),
  {
    resourceType: "Provenance",
    id: "p",
    target: [{ reference: "Observation/1/_history/1" }, PATIENT],
    occurredPeriod: { start: "2026-01-01T00:00:00Z" },
    recorded: "2026-01-01T00:00:00.000+02:00",
    reason: [{ coding: [{ code: "TREAT" }] }],
    activity: { coding: [{ code: "UPDATE" }] },
    agent: [{ type: { coding: [{ code: "author" }] }, who: PATIENT, onBehalfOf: { reference: "Organization/1" } }],
    entity: [{ role: "derivation", what: { reference: "Observation/2" }, agent: [{ who: { reference: "Device/1" } }] }],
  },
];

const pid = "PID|1||99887766^^^A^MR~77665544^^^NATIONAL^NI||NEMONAME^Nemo||19700101|M\r";
const MESSAGES = [
  admission("a"),
  `${msh({ type: "ADT^A40^ADT_A39" })}EVN|A40|20260101|||U1^No|20260101\r${pid}MRG|18^^^A^MR\r`,
  `${msh({ type: "ORU^R01" })}${pid}ORC|RE|P1|F1\rOBR|1|P1|F1|GLU^Glucose||||||||||||U1^No\rOBX|1|NM|GLU||5.1|mmol/l\r`,
  `${msh({ type: "MDM^T02" })}EVN|T02|20260101\r${pid}TXA|1|CN|TX|20260101|U1^No||||||D1^S|||||AU\rOBX|1|TX|n||text\r`,
  `${msh({ type: "ORM^O01" })}${pid}ORC|NW|P1|F1||||||20260101|U1\rOBR|1|P1|F1|GLU\r`,
];

let target: Target;

/** Who the resources and messages are about, as they spell it. */
const IDENTIFYING: readonly string[] = ["PATSECRET", "NEMONAME", "99887766", "77665544"];

/** Registers the tests of mutants. */
export function mutants(given: () => Target): void {
  before(() => {
    target = given();
  });

  test("resources with hostile values are taken or refused one by one, never as a fault of ours", async () => {
    const lines = mutantResources(RESOURCES, COUNT, SEED).map((resource) => JSON.stringify(resource));
    const answer = await target.post("/fhir/$ingest", lines.join("\n"), { "content-type": "application/fhir+ndjson" });
    const results = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { line: number; status: string; error?: { code: string } });
    assert.equal(results.length, COUNT);
    for (const { line, status, error } of results) {
      if (status === "refused") assert.ok(REFUSALS.has(error?.code ?? ""), `${error?.code}: ${lines[line - 1]}`);
      else assert.ok(["accepted", "duplicate"].includes(status), `${status}: ${lines[line - 1]}`);
    }
    const accepted = results.filter(({ status }) => status === "accepted").length;
    assert.ok(accepted > COUNT / 10 && accepted < COUNT, `${accepted} accepted`);
  });

  test("messages with hostile values are taken or refused one by one, never as a fault of ours", async () => {
    const messages = mutantMessages(MESSAGES, COUNT, SEED);
    const headers = { "content-type": "application/hl7-v2", accept: "application/json" };
    const answer = await target.post("/hl7v2", messages.join(""), headers);
    const told = (JSON.parse(answer.text) as { messages: { status: string; error?: { code: string } }[] }).messages;
    assert.equal(told.length, COUNT);
    for (const [n, { status, error }] of told.entries()) {
      if (status === "refused") assert.ok(REFUSALS.has(error?.code ?? ""), `${error?.code}: ${messages[n]}`);
    }
    const accepted = told.filter(({ status }) => status === "accepted").length;
    assert.ok(accepted > COUNT / 10 && accepted < COUNT, `${accepted} accepted`);
  });

  test("all that was taken is projected, without one incident", async () => {
    const events = await eventsTaken(target.running);
    const bearer = target.token("hospital-a", "trace/lineage.read");
    await settled(target.running, bearer, events);
    const { body } = await getJson(`${target.running.places.query}/v1/integrity`, bearer);
    assert.deepEqual(body["incidents"], []);
  });

  test("wherever the patient stood in it, nothing at rest names the patient in clear", async () => {
    for (const path of await filesIn(target.data)) {
      const bytes = await readFile(path);
      for (const value of IDENTIFYING) {
        assert.equal(bytes.includes(value), false, `${path} holds ${value}`);
      }
    }
  });
}
