import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { HL7_FLAGS } from "../flags.ts";
import { CONTEXT, draftOf, draftsOf, er7, messageOf, msh } from "../testing.ts";
import { mapMessage } from "./map.ts";

const PID = "PID|1||4711^^^MPI^MR||Miller^Jane^^^Dr||19800203|F||| 5 Mill Lane^^Leeds||0113 1";

test("staff, the sending application and the organisation took part", () => {
  const draft = draftOf(
    msh("ADT^A01"),
    "EVN|A01|20310101|||C1^Okafor^Ada^^^Dr|20310102030000+0100",
    PID,
    `PV1|1|I|||||C2^Stone^Max|C1^Okafor^Ada`,
  );
  assert.deepEqual(draft.agents, [
    {
      id: "north-hospital/Practitioner/C1",
      kind: "person",
      roles: ["operator", "referring"],
      requestor: true,
      onBehalfOf: "north-hospital",
    },
    { id: "north-hospital/Practitioner/C2", kind: "person", roles: ["attending"], onBehalfOf: "north-hospital" },
    { id: "north-hospital/Device/WARD", kind: "software", roles: ["sender"], onBehalfOf: "north-hospital" },
    { id: "north-hospital", kind: "institution", roles: ["sender"] },
  ]);
  assert.equal(draft.sealed.labels?.["north-hospital/Practitioner/C1"], "Dr Ada Okafor");
});

test("a document's writers keep their parts", () => {
  const draft = draftOf(msh("MDM^T02"), PID, "TXA|1|DS|||W0^Z||||W1^A|W2^B|W3^C|||||||||||W4^D");
  assert.deepEqual(
    draft.agents.filter(({ kind }) => kind === "person").map(({ id, roles }) => [id, ...roles]),
    [
      ["north-hospital/Practitioner/W0", "primary-activity-provider"],
      ["north-hospital/Practitioner/W1", "originator"],
      ["north-hospital/Practitioner/W2", "assigned-authenticator"],
      ["north-hospital/Practitioner/W3", "transcriptionist"],
      ["north-hospital/Practitioner/W4", "authenticator"],
    ],
  );
});

test("staff of another institution act for it, under the numbers it gave them", () => {
  const draft = draftOf(
    msh("ORU^R01"),
    PID,
    `OBR|1||R1${"|".repeat(13)}C7^Stone^Max^^^^^^CITYLAB${"|".repeat(16)}C8&Ng&Li^20310102`,
  );
  assert.deepEqual(
    draft.agents.filter(({ kind }) => kind === "person").map(({ id, roles, onBehalfOf }) => [id, ...roles, onBehalfOf]),
    [
      ["city-lab/Practitioner/C7", "ordering", "city-lab"],
      ["north-hospital/Practitioner/C8", "interpreter", "north-hospital"],
    ],
  );
  assert.equal(draft.sealed.labels?.["north-hospital/Practitioner/C8"], "Li Ng");
});

test("the parties of a referral are its agents", () => {
  const draft = draftOf(msh("REF^I12"), "RF1||||||R1", "PRD|RP|Stone^Max|||||C7", "PRD|RT|Ng^Li|||||C8^CITYLAB", PID);
  assert.deepEqual(
    draft.agents.filter(({ kind }) => kind === "person").map(({ id, roles }) => [id, ...roles]),
    [
      ["north-hospital/Practitioner/C7", "referring"],
      ["city-lab/Practitioner/C8", "referred-to"],
    ],
  );
});

test("staff who are only named are kept sealed, and flagged", () => {
  const draft = draftOf(msh("ADT^A01"), "EVN|A01||||^Okafor^Ada", PID, "PV1|1|I|||||Stone Max");
  assert.deepEqual(
    draft.agents.map(({ kind }) => kind),
    ["software", "institution"],
  );
  assert.deepEqual(draft.sealed.text, ["operator: Ada Okafor", "attending: Stone Max"]);
  assert.ok(draft.flags.includes("hl7:agent-without-id"));
});

test("the organisation is MSH-22's where it says one, and a stranger keeps its name", () => {
  const by = (line: string): unknown => draftOf(line, PID).agents.find(({ kind }) => kind === "institution")?.id;
  assert.equal(by("MSH|^~\\&|W|NORTH|L|X|20310102||ADT^A08|1|P|2.7||||||||||CITYLAB"), "city-lab");
  assert.equal(by("MSH|^~\\&|W|Elsewhere|L|X|20310102||ADT^A08|1|P|2.5"), "north-hospital/Organization/Elsewhere");
  assert.equal(by("MSH|^~\\&|W|x^1.2.3.1^ISO|L|X|20310102||ADT^A08|1|P|2.5"), "north-hospital");
  assert.equal(by("MSH|^~\\&|W|city-lab|L|X|20310102||ADT^A08|1|P|2.5"), "city-lab");
});

test("a message for its own sender discloses nothing", () => {
  const to = (facility: string, application = "LIS"): readonly string[] =>
    draftOf(`MSH|^~\\&|W|WARDS|${application}|${facility}|20310102||ORU^R01|1|P|2.5`, PID).recipients;
  assert.deepEqual(to("NORTH"), []);
  assert.deepEqual(to("WARDS"), []);
  assert.deepEqual(to("citylab"), ["city-lab"]);
  assert.deepEqual(to("Far Clinic"), ["Far Clinic"]);
  assert.deepEqual(to("", "CITYLAB"), ["city-lab"]);
  assert.deepEqual(to("", ""), []);
});

test("occurred is EVN-6's time, else the rule's own from first to last; recorded is MSH-7's", () => {
  const draft = draftOf(msh("ADT^A01"), "EVN|A01|||||20310101120000Z", PID);
  assert.equal(draft.occurred?.start.given, "2031-01-01T12:00:00Z");
  assert.equal(draft.recorded.given, "2031-01-02T03:04:05+01:00");
  const results = draftOf(
    msh("ORU^R01"),
    PID,
    `OBR|1||R1||||20310101080000+0000`,
    `OBR|2||R2||||20310101070000+0000${"|".repeat(15)}20310101090000+0000`,
  );
  assert.deepEqual(
    [results.occurred?.start.utc, results.occurred?.end.utc],
    ["2031-01-01T08:00:00.000Z", "2031-01-01T09:00:00.000Z"],
  );
  assert.equal(draftOf(msh("ADT^A08"), "EVN|A08", PID).occurred, undefined);
});

test("where MSH-7 cannot be read, the time of receipt stands in and the event says so", () => {
  const at = (time: string) => draftOf(`MSH|^~\\&|W|NORTH|L|X|${time}||ADT^A08|1|P|2.5`, PID);
  assert.equal(at("yesterday").recorded, CONTEXT.received);
  assert.ok(at("yesterday").flags.includes("hl7:unreadable-time"));
  assert.ok(at("").flags.includes("hl7:no-message-time"));
  assert.deepEqual(at("20310102").flags, ["hl7:assumed-offset", "hl7:time-precision-day"]);
});

test("purpose, consent and break-glass are read where the standard has them", () => {
  const plain = draftOf(msh("ADT^A01"), "EVN|A01||| 01", PID);
  assert.deepEqual(plain.purposes, [{ system: "http://terminology.hl7.org/CodeSystem/v2-0062", code: "01" }]);
  assert.equal(plain.breakGlass, false);
  const bypassed = `CON|1${"|".repeat(10)}B${"|".repeat(9)}E`;
  const broken = draftOf(msh("MDM^T02"), PID, "CON|1|||C77^CITYLAB|||||||A", "CON|2|||C78|||||||R", bypassed);
  assert.equal(broken.breakGlass, true);
  assert.deepEqual(broken.consents, ["city-lab/Consent/C77"]);
  const purpose = draftOf(msh("ORU^R01", { version: "2.9" }), "ARV||A|L|||||BTG^break the glass~NOSUCH", PID);
  assert.deepEqual(purpose.purposes, [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "BTG" }]);
  assert.equal(purpose.breakGlass, true);
});

test("the system is what MSH-3 and MSH-4 say, and the message id is MSH-10", () => {
  const draft = draftOf("MSH|^~\\&|W^1.2^ISO|NORTH|||20310102||ADT^A08|77|T|2.5", PID);
  assert.equal(draft.system, "W^1.2^ISO|NORTH");
  assert.equal(draft.messageId, "77");
  assert.ok(draft.flags.includes("hl7:not-production"));
});

test("identifiers are by assigning authority, else by type, else by field; shared by either", () => {
  const identifiers = (pid: string): string[] =>
    draftOf(msh("ADT^A08"), pid).persons.flatMap((person) =>
      person.identifiers.map(({ system, value, scope }) => `${system} ${value} ${scope}`),
    );
  const pid3 = "1^^^ALPHA^MR~2^^^ALPHA&1.2.3.9&ISO~3^^^^NI~4^^^STATE^NI~5";
  assert.deepEqual(identifiers(`PID|1|8|${pid3}${"|".repeat(15)}A1|6`), [
    "ALPHA 1 local",
    "urn:oid:1.2.3.9 2 shared",
    "NI 3 shared",
    "STATE 4 shared",
    "PID-3 5 local",
    "PID-2 8 local",
    "PID-18 A1 local",
    "SS 6 local",
  ]);
});

test("an account number is not a patient's number of the same authority", () => {
  const draft = draftOf(msh("ADT^A08"), `PID|1||55^^^ALPHA^MR${"|".repeat(15)}55^^^ALPHA`);
  assert.deepEqual(
    draft.persons[0]?.identifiers.map(({ system }) => system),
    ["ALPHA", "ALPHA#AN"],
  );
});

test("placeholders are not identifiers: they would make one person of many", () => {
  const draft = draftOf(msh("ADT^A08"), `PID|1||000000000^^^ALPHA~UNKNOWN~""${"|".repeat(16)}999999999`);
  assert.deepEqual(draft.persons, []);
  assert.ok(draft.flags.includes("hl7:placeholder-identifier"));
});

test("what identifies a person is sealed, and free text is bounded", () => {
  const draft = draftOf(msh("ORU^R01"), PID, "OBR|1||R1", "OBX|1|TX|N||saw her son", "OBX|2|NM|K||4", "NTE|1||as told");
  assert.deepEqual(draft.sealed, {
    identifiers: [{ system: "MPI", value: "4711", type: "MR" }],
    names: ["Miller Jane Dr"],
    birthDate: "19800203",
    addresses: ["5 Mill Lane Leeds", "0113 1"],
    text: ["saw her son", "as told"],
  });
  const long = draftOf(msh("ORU^R01"), PID, ...Array.from({ length: 99 }, () => `NTE|1||${"x".repeat(300)}`));
  assert.ok((long.sealed.text ?? []).join("").length <= 2_000);
});

test("property: no patient number, name or text of a message is in the clear part of its drafts", () => {
  const secret = fc.stringMatching(/^[A-Z0-9]{8,12}$/).map((text) => `S${text}`);
  const type = fc.constantFrom("ADT^A01", "ADT^A40", "ORU^R01", "MDM^T02", "ORM^O01", "RSP^K22", "ZZZ^Z99", "QRY^A19");
  fc.assert(
    fc.property(type, fc.array(secret, { minLength: 9, maxLength: 9 }), (trigger, secrets) => {
      const [mrn, other, name, street, phone, note, prior, text, query] = secrets;
      const drafts = draftsOf(
        msh(trigger),
        "EVN|A01||||C1^Clerk",
        `QRD|1|2|3|4|5|6|7|${query}`,
        `PID|1|${other}|${mrn}^^^MPI^MR||${name}^${name}||19800203|||${street}||${phone}`,
        `PV1|1|I${"|".repeat(17)}${mrn}`,
        `MRG|${prior}^^^MPI||||||${name}`,
        "ORC|NW|O1|F1",
        "OBR|1|O1|F1|X^Y",
        `OBX|1|TX|N||${text}`,
        `NTE|1||${note}`,
      );
      for (const { raw: _raw, persons: _persons, sealed: _sealed, ...clear } of drafts) {
        const shown = JSON.stringify(clear);
        for (const value of secrets) assert.equal(shown.includes(value), false);
      }
    }),
  );
});

test("property: any segments in any order are mapped or refused, and what is made is well-formed text", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "PID|1||1~2^^^A|",
      "PID",
      "MRG|3",
      "ORC|NW|1|2",
      "OBR|1|2|3",
      "TXA|1",
      "EVN|A40|9999",
      "PV1|1|I",
      "MSA|AE",
    ),
    fc
      .tuple(
        fc.constantFrom("PID", "MRG", "PV1", "OBR", "CON", "ARV", "NTE", "QRD"),
        fc.string({ unit: "binary", maxLength: 60 }),
      )
      .map(([name, rest]) => `${name}|${rest}`),
  );
  const type = fc.constantFrom("ADT^A17", "ADT^A24", "ADT^A40", "ADT^A43", "ORU^R01", "QBP^Q23", "RSP^K22", "MDM^T10");
  fc.assert(
    fc.property(type, fc.array(line, { maxLength: 12 }), (trigger, lines) => {
      const raw = er7(msh(trigger, { rest: "||||||UNICODE UTF-8" }), ...lines);
      const drafts = mapMessage(messageOf(raw), raw, CONTEXT);
      assert.ok(drafts.length > 0);
      for (const { raw: _raw, ...draft } of drafts) {
        assert.ok(isWellFormed(draft));
        for (const flag of draft.flags) assert.ok(flag in HL7_FLAGS, flag);
        const places = [...draft.records, ...draft.agents].flatMap(({ id }) =>
          typeof id === "string" ? [] : [id.person],
        );
        for (const place of [...places, ...draft.joins.flat()]) assert.ok(place < draft.persons.length);
        for (const person of draft.persons) assert.ok(person.identifiers.length > 0);
      }
    }),
    { numRuns: 500 },
  );
});

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && isWellFormed(member));
}
