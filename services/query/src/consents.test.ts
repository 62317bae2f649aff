import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventId } from "@medtrace/shared/model/trace-event";
import { A, B, type Stack, startStack, type Who } from "./testing/stack.ts";

const CONSENT = "https://registry.example.org/fhir/Consent/c1";
const record = (role: "used" | "generated" | "revised" | "invalidated", version?: string) => ({
  id: CONSENT,
  type: "Consent",
  role,
  ...(version === undefined ? {} : { version }),
});
const state = (status: "active" | "not-active", more: object = {}) => ({ id: CONSENT, status, ...more });
const use = (name: string, when: string, more: object = {}) => ({
  name,
  when,
  records: [{ id: "hospital-a/Observation/1", type: "Observation", role: "used" as const }, record("used")],
  consents: [CONSENT],
  ...more,
});
const idOf = (name: string, institution = "hospital-a"): string => eventId(institution, "ehr", name, 0);

let stack: Stack;
before(async () => {
  stack = await startStack();
  await stack.publish(
    use("before-any", "2026-01-01T00:00:00Z"),
    {
      name: "given",
      kind: "create",
      when: "2026-01-02T00:00:00Z",
      records: [record("generated", "1")],
      consentStates: [state("active", { to: "2026-01-20T00:00:00.000Z" })],
    },
    use("while-given", "2026-01-03T00:00:00Z"),
    use("by-version", "2026-01-03T01:00:00Z", { records: [record("used", "7")] }),
    use("with-its-text", "2026-01-26T02:00:00Z", { consentStates: [state("not-active", { version: "3" })] }),
    {
      name: "change-that-failed",
      kind: "delete",
      when: "2026-01-04T00:00:00Z",
      outcome: "serious-failure",
      records: [{ id: CONSENT, type: "Consent", role: "associated" }],
    },
    use("after-a-failed-change", "2026-01-05T00:00:00Z"),
    use("after-its-time", "2026-01-21T00:00:00Z"),
    { name: "revised", kind: "update", when: "2026-01-22T00:00:00Z", records: [record("revised", "2")] },
    use("after-a-change-without-text", "2026-01-23T00:00:00Z"),
    { name: "withdrawn", kind: "delete", when: "2026-01-24T00:00:00Z", records: [record("invalidated")] },
    use("after-withdrawal", "2026-01-25T00:00:00Z"),
    use("of-b", "2026-01-25T00:00:00Z", { institution: "hospital-b" }),
  );
});
after(() => stack[Symbol.asyncDispose]());

const asked = async (name: string, who: Who = A): Promise<unknown> => {
  const { body } = await stack.get(`/v1/events/${idOf(name, who.institution)}`, who);
  return body.consents;
};

describe("a consent that a use relied on", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["before-any", { stood: "unknown" }],
    ["while-given", { version: "1", stood: "yes", because: idOf("given") }],
    ["by-version", { version: "7", stood: "yes", because: idOf("given") }],
    ["with-its-text", { version: "3", stood: "no", because: idOf("with-its-text") }],
    ["after-a-failed-change", { version: "1", stood: "yes", because: idOf("given") }],
    ["after-its-time", { version: "1", stood: "no", because: idOf("given") }],
    ["after-a-change-without-text", { version: "2", stood: "unknown", because: idOf("revised") }],
    ["after-withdrawal", { stood: "no", because: idOf("withdrawn") }],
  ];
  for (const [name, standing] of cases) {
    test(`is told with its version and whether it stood then: ${name}`, async () => {
      assert.deepEqual(await asked(name), [{ consent: CONSENT, ...standing }]);
    });
  }

  test("is told of by events in scope alone", async () => {
    assert.deepEqual(await asked("of-b", B), [{ consent: CONSENT, stood: "unknown" }]);
  });

  test("stands in the AuditEvent too", async () => {
    const { body } = await stack.get(`/fhir/AuditEvent/${idOf("while-given")}`);
    const found = body.extension.filter(({ url }: { url: string }) => url === "urn:medtrace:consent");
    assert.deepEqual(found, [
      {
        url: "urn:medtrace:consent",
        extension: [
          { url: "consent", valueReference: { reference: `${CONSENT}/_history/1`, type: "Consent" } },
          { url: "stood", valueCode: "yes" },
          { url: "because", valueReference: { reference: `AuditEvent/${idOf("given")}`, type: "AuditEvent" } },
        ],
      },
    ]);
  });
});

test("an event that relied on no consent says nothing of any", async () => {
  assert.equal(await asked("withdrawn"), undefined);
});
