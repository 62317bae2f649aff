/** Resources that other projects wrote, where they are at hand; and what becomes of them when one thing is changed. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { indexFault, TEXT_CHARS_MAX } from "@medtrace/shared/model/event-limits";
import fc from "fast-check";
import type { Draft } from "../normalise/draft.ts";
import { draftOfResource } from "./resource.ts";
import { auditEvent, CONTEXT, clearText, draftOf, provenance } from "./testing.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const FOLDER = join(process.env["MEDTRACE_TEST_DATA"] ?? join(ROOT, "../shared/data"), "fhir");

interface Sample {
  readonly name: string;
  readonly resource: Record<string, unknown>;
}

function samples(prefix: string): Sample[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".json") && !name.includes("bundle"))
    .map((name) => ({ name, resource: JSON.parse(readFileSync(join(FOLDER, name), "utf8")) }));
}

const BALP = samples("balp-");
const SPECIFICATION = samples("r4-");
const kindIn = (name: string): string =>
  /Create/.test(name) ? "create" : /Update|Patch/.test(name) ? "update" : /Delete/.test(name) ? "delete" : "";

test("every example of BALP conforms to what it claims", (t) => {
  if (BALP.length === 0) t.diagnostic(`no data in ${FOLDER}`);
  for (const { name, resource } of BALP) {
    const { flags, activity, persons, patterns } = draftOf(resource);
    const [claim = ""] = (resource["meta"] as { profile: string[] }).profile;
    assert.deepEqual(patterns, [claim.slice(claim.indexOf("BasicAudit.") + "BasicAudit.".length)], name);
    // Without its claim it is still known by its shape, unless all of it is how a token was used.
    if (!claim.includes("accessTokenUse")) {
      assert.deepEqual(draftOf({ ...resource, meta: undefined }).patterns, patterns, name);
    }
    const odd = name.includes("ReadOServerMin") ? ["fhir:unidentified-agent"] : [];
    assert.deepEqual(flags, odd, name);
    if (kindIn(name) !== "") assert.equal(activity.kind, kindIn(name), name);
    assert.equal(persons.length, /NoPatient|SAML/.test(name) ? 0 : 1, name);
  }
});

test("every example of the specification is taken; flags tell of dates alone", (t) => {
  if (SPECIFICATION.length === 0) t.diagnostic(`no data in ${FOLDER}`);
  for (const { name, resource } of SPECIFICATION) {
    const { flags } = draftOf(resource);
    const dated = name.includes("biocompute") ? ["fhir:assumed-offset", "fhir:time-precision-day"] : [];
    assert.deepEqual(flags, dated, name);
  }
});

test("no example names its patient, or anybody's name, in the clear part", () => {
  const secret = /ex-patient|Patient\/example|e3cdfc81|Grahame Grieve|John Smith|JohnSmith|Betty Jones/;
  for (const { name, resource } of [...BALP, ...SPECIFICATION]) {
    // What the pipeline veils is what repeats an identifier of the patient.
    const { persons, ...draft } = draftOf(resource);
    const veiled = persons.flatMap(({ identifiers }) => identifiers.map(({ value }) => encodeURIComponent(value)));
    const clear = veiled.reduce((text, value) => text.replaceAll(value, ""), clearText({ ...draft, persons }));
    assert.doesNotMatch(clear, secret, name);
  }
});

/** One place of a resource, and what stands there instead. */
function changed(resource: object, place: number, value: unknown): object {
  const copy = structuredClone(resource) as Record<string, unknown>;
  const places: [Record<string, unknown>, string][] = [];
  const walk = (holder: Record<string, unknown>): void => {
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      const member = holder[key];
      if (typeof member === "object" && member !== null) walk(member as Record<string, unknown>);
    }
  };
  walk(copy);
  const [holder, key] = places[place % places.length] ?? [copy, "id"];
  holder[key] = value;
  return copy;
}

describe("a resource of which anything is changed to anything", () => {
  const PATIENT = { reference: "Patient/47110815", identifier: { system: "urn:oid:2.999.100", value: "99887766" } };
  const FULL = [
    auditEvent({
      period: { start: "2026-01-01T00:00:00Z" },
      purposeOfEvent: [{ coding: [{ system: "urn:oid:2.999.8", code: "TREAT" }] }],
      agent: [
        { who: PATIENT, requestor: true, type: { coding: [{ code: "PATSUBJ" }] }, altId: "erika", name: "Erika" },
        { who: { reference: "Organization/hospital-b" }, requestor: false, network: { address: "192.0.2.7" } },
      ],
      entity: [
        { what: PATIENT, type: { code: "1" }, role: { code: "1" } },
        { what: { reference: "Consent/1" }, detail: [{ type: "x", valueString: "y" }], query: "YQ==" },
        { type: { code: "XrequestId" }, what: { identifier: { value: "76d148b6" } } },
      ],
    }),
    provenance({
      occurredDateTime: "2026-01-01",
      activity: { coding: [{ code: "UPDATE" }] },
      reason: [{ coding: [{ code: "TREAT" }] }],
      agent: [{ who: PATIENT, onBehalfOf: { reference: "Organization/LABC" } }],
      entity: [{ role: "source", what: { reference: "Observation/1" } }],
    }),
    ...[...BALP, ...SPECIFICATION].map(({ resource }) => resource),
  ];
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>("", " ", "constructor", "__proto__", "\ud800", "x".repeat(70_000), "语".repeat(2_000)),
    fc.constantFrom<unknown>(-0, 1e308, [], {}, [[]], [{}], [null], { reference: "Observation?x=1" }, ["a", 1]),
    fc.constant<unknown>(PATIENT),
  );
  const textsOf = ({ agents, records, recipients, consents, system, correlation }: Draft): unknown[] => [
    ...agents.flatMap(({ id, roles, onBehalfOf }) => [id, ...roles, onBehalfOf]),
    ...records.flatMap(({ id, type, version }) => [id, type, version]),
    ...recipients,
    ...consents,
    system,
    correlation,
  ];

  test("is refused with code, place, subject and advice, or makes a draft within every limit", () => {
    const counted = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...FULL), fc.nat(200), hostile, (resource, place, value) => {
        let draft: Draft;
        try {
          draft = draftOfResource(changed(resource, place, value), CONTEXT);
        } catch (error) {
          counted.refused += 1;
          const codes = ["INPUT_INVALID", "INPUT_MALFORMED", "INPUT_TOO_LARGE", "INPUT_UNSUPPORTED"] as const;
          assert.ok(hasCode(error, ...codes), `threw ${error}`);
          assert.ok(error.at && error.hint && error.message.length > error.at.length - error.at.lastIndexOf("."));
          return;
        }
        counted.taken += 1;
        assert.equal(indexFault(draft, draft.persons.length), undefined);
        for (const text of textsOf(draft)) {
          if (typeof text !== "string") continue;
          assert.ok(text.length > 0 && text.length <= TEXT_CHARS_MAX && text.isWellFormed(), text.slice(0, 80));
        }
        for (const { identifiers, token } of draft.persons) assert.ok(token !== undefined || identifiers.length > 0);
      }),
      { numRuns: 3_000 },
    );
    assert.ok(counted.taken > 300 && counted.refused > 300, JSON.stringify(counted));
  });

  test("keeps the patient out of the clear part, wherever the patient is put", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FULL), fc.nat(200), (resource, place) => {
        try {
          const clear = clearText(draftOf(changed(resource, place, PATIENT)));
          assert.doesNotMatch(clear, /47110815|99887766/);
        } catch (error) {
          assert.ok(hasCode(error, "INPUT_INVALID", "INPUT_UNSUPPORTED"), `threw ${error}`);
          assert.doesNotMatch(`${error.message} ${error.hint}`, /47110815|99887766/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
