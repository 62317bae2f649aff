import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import { sha256Hex } from "@medtrace/shared/model/bytes";
import fc from "fast-check";
import type { Draft } from "../normalise/draft.ts";
import { type BundleDrafts, type BundleNaming, draftsOfBundle } from "./bundle.ts";
import { auditEvent, CONTEXT, provenance } from "./testing.ts";

const post = (resource: object, more: object = {}): object => ({
  resource,
  request: { method: "POST", url: "AuditEvent" },
  ...more,
});
const NAMING: BundleNaming = {
  idOf: ({ raw }) => sha256Hex(Buffer.from(raw).toString()),
  named: (draft, criteria) => ({ ...draft, messageId: criteria }),
};
const drafts = (bundle: object): Promise<BundleDrafts> =>
  draftsOfBundle({ resourceType: "Bundle", type: "batch", ...JSON.parse(JSON.stringify(bundle)) }, CONTEXT, NAMING);
const one = async (entry: object): Promise<Draft | MedtraceError> => {
  const { entries } = await drafts({ entry: [post(auditEvent()), entry] });
  return entries[1] as Draft | MedtraceError;
};
const faultOf = async (entry: object): Promise<MedtraceError> => {
  const found = await one(entry);
  assert.ok(found instanceof MedtraceError);
  assert.ok(found.hint, "says what to do");
  return found;
};
const draftOf = async (entry: object): Promise<Draft> => {
  const found = await one(entry);
  assert.ok(!(found instanceof MedtraceError), String(found));
  return found;
};

test("entries are drafts in their order, in a batch, a transaction or a collection", async () => {
  for (const type of ["batch", "transaction", "collection"]) {
    const { type: said, entries } = await drafts({ type, entry: [post(auditEvent()), { resource: provenance() }] });
    assert.equal(said, type);
    assert.deepEqual(
      entries.map((entry) => entry instanceof MedtraceError || entry.type),
      ["AuditEvent", "Provenance"],
    );
  }
  assert.deepEqual((await drafts({})).entries, []);
});

test("a Bundle of another type, or whose entries are no list of objects, is refused whole", async () => {
  for (const type of [null, "", "searchset", "batch-response", "history", "document", "message", "constructor"]) {
    await assert.rejects(drafts({ type, entry: [] }), { code: "INPUT_INVALID", at: "Bundle.type" });
  }
  await assert.rejects(drafts({ type: 7 }), { code: "INPUT_INVALID", at: "Bundle.type" });
  await assert.rejects(drafts({ entry: {} }), { code: "INPUT_INVALID", at: "Bundle.entry" });
  await assert.rejects(drafts({ entry: [post(auditEvent()), 7] }), { code: "INPUT_INVALID", at: "Bundle.entry[1]" });
  await assert.rejects(drafts({ entry: Array(10_001).fill({}) }), { code: "INPUT_TOO_LARGE", at: "Bundle.entry" });
});

test("a refusal of a type names what is wrong, and what is taken", async () => {
  await assert.rejects(drafts({ type: "searchset" }), {
    message: "type is not one that is taken",
    hint: "send one of batch, transaction, collection",
  });
});

describe("a bad entry", () => {
  test("is told of at its place in the Bundle; the others stand", async () => {
    const cases: [object, string][] = [
      [post(auditEvent({ agent: [{ who: { reference: 7 } }] })), "Bundle.entry[1].resource.agent[0].who.reference"],
      [post(auditEvent({ recorded: "today" })), "Bundle.entry[1].resource.recorded"],
      [post(provenance({ target: [] })), "Bundle.entry[1].resource.target"],
      [post({ resourceType: "Patient" }), "Bundle.entry[1].resource.resourceType"],
      [post({}), "Bundle.entry[1].resource.resourceType"],
      [{ resource: [] }, "Bundle.entry[1].resource"],
      [{}, "Bundle.entry[1].resource"],
      [{ resource: auditEvent(), request: [] }, "Bundle.entry[1].request"],
      [{ resource: auditEvent(), request: { method: "DELETE" } }, "Bundle.entry[1].request.method"],
      [{ resource: auditEvent(), request: { method: "GET" } }, "Bundle.entry[1].request.method"],
    ];
    for (const [entry, at] of cases) assert.equal((await faultOf(entry)).at, at);
  });

  test("never throws, whatever it is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.constant(post(auditEvent())))),
        async (entry) => {
          const { entries } = await drafts({ entry });
          assert.equal(entries.length, entry.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("an entry that is put", () => {
  const put = (url: string, resource: object): object => ({ resource, request: { method: "PUT", url } });

  test("has the id that its sender gives it", async () => {
    const { messageId } = await draftOf(put("AuditEvent/a1", auditEvent({ id: "a1" })));
    assert.equal(messageId, "AuditEvent/a1");
    assert.equal((await draftOf(post(auditEvent({ id: "a1" })))).messageId, undefined);
  });

  test("must say that id alike in its url and its resource", async () => {
    for (const [url, resource, at] of [
      ["AuditEvent/a1", auditEvent({ id: "a2" }), "Bundle.entry[1].resource.id"],
      ["AuditEvent/a1", auditEvent(), "Bundle.entry[1].resource.id"],
      ["Provenance/a1", auditEvent({ id: "a1" }), "Bundle.entry[1].request.url"],
      ["AuditEvent?identifier=1", auditEvent({ id: "a1" }), "Bundle.entry[1].request.url"],
      ["AuditEvent", auditEvent({ id: "a1" }), "Bundle.entry[1].request.url"],
    ] as const) {
      assert.equal((await faultOf(put(url, resource))).at, at);
    }
  });
});

test("references to other entries by fullUrl are read as what those are", async () => {
  const fullUrl = "urn:uuid:0b5d3f0e-6f2c-4c53-8a7a-1f8c2b9d6a10";
  const { entries } = await drafts({
    entry: [
      { fullUrl, resource: { resourceType: "Patient", id: "4711" } },
      post(auditEvent({ entity: [{ what: { reference: fullUrl } }] })),
      post(auditEvent({ entity: [{ what: { reference: "urn:uuid:00000000-0000-4000-8000-000000000000" } }] })),
    ],
  });
  const [, known, unknown] = entries as [unknown, Draft, Draft];
  assert.deepEqual(known.persons, [{ identifiers: [{ system: "Patient", value: "4711", scope: "local" }] }]);
  assert.equal(unknown.records[0]?.id, "urn:uuid:00000000-0000-4000-8000-000000000000");
});

test("references to events of the Bundle are read as the ids that these are given, before or after them", async () => {
  const fullUrl = "urn:uuid:7d3a2c1e-0c51-4f0e-9a8e-2a1f3b5c7d9e";
  const other = "urn:uuid:9d3a2c1e-0c51-4f0e-9a8e-2a1f3b5c7d9e";
  const { entries } = await drafts({
    entry: [
      post(provenance({ target: [{ reference: fullUrl }] })),
      post(auditEvent({ id: "sent-with-an-id" }), { fullUrl }),
      post(auditEvent({ entity: [{ what: { reference: other } }] }), { fullUrl: other }),
    ],
  });
  const [made, event, itself] = entries as [Draft, Draft, Draft];
  const id = sha256Hex(Buffer.from(event.raw).toString());
  assert.deepEqual(
    made.records.map((record) => [record.id, record.type]),
    [[`hospital-a/AuditEvent/${id}`, "AuditEvent"]],
  );
  assert.equal(itself.records[0]?.id, other, "an event that names itself has no id before it is read");
});

test("events that name one another in a very long row are read, none for ever", async () => {
  const url = (i: number): string => `urn:uuid:row-${i}`;
  const entry = Array.from({ length: 5_000 }, (_, i) =>
    post(auditEvent({ entity: [{ what: { reference: url(i + 1) } }] }), { fullUrl: url(i) }),
  );
  const { entries } = await drafts({ entry });
  assert.ok(entries.every((one) => !(one instanceof MedtraceError)));
});
