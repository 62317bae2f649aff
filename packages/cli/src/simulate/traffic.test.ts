import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { loadDirectory } from "@medtrace/ingest/directory";
import { parseJson } from "@medtrace/ingest/fhir/json";
import { draftOfResource } from "@medtrace/ingest/fhir/resource";
import { mapMessage } from "@medtrace/ingest/hl7v2/map/map";
import { readHeader, readMessage } from "@medtrace/ingest/hl7v2/message";
import type { Draft } from "@medtrace/ingest/normalise/draft";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { SimulatedMessage } from "./desk.ts";
import { createRandom } from "./random.ts";
import { createRegion, onDuty } from "./region.ts";
import { HOUR } from "./timeline.ts";
import { DEFAULT_START, traffic } from "./traffic.ts";

const COUNT = 20_000;
const directory = await loadDirectory(undefined);
const messages = [...traffic({ seed: "tests" }).take(COUNT)];

/** As ingest reads it. */
function draftsOf({ institution, kind, bytes }: SimulatedMessage): readonly Draft[] {
  const context = { institution, directory, zone: "+00:00", received: traceTimeOf(0) };
  if (kind === "fhir") return [draftOfResource(parseJson(bytes), context)];
  const raw = { raw: bytes, width: "bytes", flags: [] } as const;
  return mapMessage(readMessage(raw, readHeader(raw)), bytes, context);
}

const read = messages.map((message) => ({ message, drafts: draftsOf(message) }));
const drafts = read.flatMap(({ message, drafts: of }) => of.map((draft) => ({ ...message, draft })));
const digestOf = (list: Iterable<SimulatedMessage>): string => {
  const hash = createHash("sha256");
  for (const { bytes, institution } of list) hash.update(institution).update(bytes);
  return hash.digest("hex");
};
const line = (bytes: Uint8Array, name: string): readonly string[] =>
  Buffer.from(bytes)
    .toString("utf8")
    .split("\r")
    .find((text) => text.startsWith(`${name}|`))
    ?.split("|") ?? [];

describe("simulated traffic", () => {
  test("is the same for the same seed and start, to the byte", () => {
    assert.equal(digestOf(traffic({ seed: "tests" }).take(COUNT)), digestOf(messages));
    const start_ms = Date.parse(DEFAULT_START);
    assert.equal(digestOf(traffic({ seed: "tests", start_ms }).take(100)), digestOf(messages.slice(0, 100)));
  });

  test("is pinned: this seed gives these bytes on every machine and in every version", () => {
    assert.equal(
      digestOf(traffic({ seed: "golden" }).take(2_000)),
      "1aecd8c441402bc232a08de6b5a5573eb5fdfacd597eaa75bb35df13fc7b3dec",
    );
  });

  test("of another seed or start shares no number with it", () => {
    const numbers = (list: Iterable<SimulatedMessage>) =>
      new Set(
        [...list].flatMap(
          ({ bytes }) =>
            Buffer.from(bytes)
              .toString("utf8")
              .match(/\b[ABC][0-9A-F]{6}[A-Z]\d{6}\b/g) ?? [],
        ),
      );
    const ours = numbers(messages.slice(0, 2_000));
    assert.ok(ours.size > 500);
    for (const other of [
      traffic({ seed: "others" }),
      traffic({ seed: "tests", start_ms: Date.parse("2026-04-01T00:00:00Z") }),
    ]) {
      assert.ok(![...numbers(other.take(2_000))].some((number) => ours.has(number)));
    }
  });

  test("is read by ingest without a single oddity", () => {
    const odd = drafts.filter(({ draft }) => draft.flags.length > 0);
    assert.deepEqual(
      odd.slice(0, 3).map(({ type, draft }) => [type, draft.flags]),
      [],
    );
    assert.ok(read.every(({ drafts: of }) => of.length === 1));
  });

  test("has a place for everything that hospitals do", () => {
    const share = (count: number) => count / messages.length;
    const types = Map.groupBy(messages, ({ type }) => type);
    for (const type of [
      "ADT^A01",
      "ADT^A02",
      "ADT^A03",
      "ADT^A04",
      "ADT^A08",
      "ADT^A40",
      "ORM^O01",
      "ORU^R01",
      "MDM^T02",
      "MDM^T10",
      "REF^I12",
    ]) {
      assert.ok(types.has(type), `no ${type}`);
    }
    assert.ok(share(types.get("AuditEvent")?.length ?? 0) > 0.5);
    assert.ok(share(types.get("Provenance")?.length ?? 0) > 0.05);
    const hl7 = share(messages.filter(({ kind }) => kind === "hl7v2").length);
    assert.ok(hl7 > 0.15 && hl7 < 0.5);
    const kinds = new Set(drafts.map(({ draft }) => draft.activity.kind));
    for (const kind of ["create", "read", "update", "disclose", "order", "merge"])
      assert.ok(kinds.has(kind as never), kind);
    assert.ok(drafts.some(({ draft }) => draft.breakGlass));
    assert.ok(drafts.some(({ draft }) => draft.outcome !== "success"));
    assert.ok(drafts.some(({ draft }) => draft.consents.length > 0));
    assert.deepEqual([...new Set(messages.map(({ institution }) => institution))].sort(), [
      "hospital-a",
      "hospital-b",
      "lab-c",
    ]);
  });

  test("runs in the order of virtual time, and what happened was before it was written down", () => {
    for (const [place, { at_ms }] of messages.entries()) assert.ok(at_ms >= (messages[place - 1]?.at_ms ?? 0));
    for (const { draft } of drafts) if (draft.occurred) assert.ok(draft.occurred.start.utc <= draft.recorded.utc);
  });

  test("numbers every message once, at its own system", () => {
    const ids = drafts.map(({ institution, draft, kind, bytes }) =>
      kind === "hl7v2"
        ? `${institution} ${draft.system} ${draft.messageId}`
        : `${institution} ${JSON.parse(Buffer.from(bytes).toString()).id}`,
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(drafts.every(({ draft }) => (draft.messageId ?? "").length <= 20));
  });

  test("goes from institution to institution: orders and reports, referrals and letters", () => {
    const routes = new Set(
      drafts.flatMap(({ institution, draft }) => draft.recipients.map((to) => `${institution} ${to}`)),
    );
    for (const route of [
      "hospital-a lab-c",
      "hospital-b lab-c",
      "lab-c hospital-a",
      "lab-c hospital-b",
      "hospital-a hospital-b",
      "hospital-b hospital-a",
    ]) {
      assert.ok(routes.has(route), route);
    }
  });

  test("a visit begins before it moves and ends, and ends once", () => {
    const state = new Map<string, string>();
    for (const { institution, type, bytes } of messages) {
      const [, event] = /^ADT\^(A0[12348])$/.exec(type) ?? [];
      if (event === undefined) continue;
      const visit = `${institution} ${line(bytes, "PV1")[19]}`;
      const before = state.get(visit);
      if (event === "A04") assert.equal(before, undefined);
      else assert.ok(before !== undefined && before !== "A03", `${event} after ${before}`);
      state.set(visit, event);
    }
  });

  test("a report answers an order that was made, and was not cancelled before", () => {
    const orders = new Map<string, string>();
    for (const { type, bytes } of messages) {
      const [, control = "", placer = ""] = line(bytes, "ORC");
      if (type === "ORM^O01") orders.set(placer, control);
      if (type === "ORU^R01") assert.equal(orders.get(placer), "NW");
    }
  });

  test("a merge joins two numbers that were both given to one person", () => {
    const owners = new Map<string, string>();
    let merges = 0;
    for (const { institution, type, bytes } of messages) {
      const identifiers = line(bytes, "PID")[3]?.split("~") ?? [];
      const [mrn, healthNumber = ""] = identifiers.map((identifier) => identifier.split("^")[0]);
      if (type === "ADT^A40") {
        const prior = line(bytes, "MRG")[1]?.split("^")[0];
        assert.notEqual(prior, mrn);
        assert.equal(owners.get(`${institution} ${prior}`), healthNumber);
        merges++;
      }
      if (mrn === undefined) continue;
      assert.equal(owners.get(`${institution} ${mrn}`) ?? healthNumber, healthNumber);
      owners.set(`${institution} ${mrn}`, healthNumber);
    }
    assert.ok(merges > 3);
  });

  test("what is derived has sources that were named before, or come from the laboratory's own bench", () => {
    const known = new Set<string>();
    let derived = 0;
    for (const { type, draft } of drafts) {
      const ids = draft.records.map(({ id }) => id).filter((id) => typeof id === "string");
      if (type === "Provenance") {
        for (const record of draft.records) {
          if (record.role === "generated" || typeof record.id !== "string") continue;
          assert.ok(known.has(record.id), `${record.id} was never named`);
          derived++;
        }
      }
      for (const id of ids) known.add(id);
    }
    assert.ok(derived > 1_000);
  });

  test("staff work in shifts: somebody is always there, and nobody always", () => {
    const { hospitals } = createRegion(createRandom("shifts"));
    const random = createRandom("duty");
    const hours = new Map<string, Set<number>>();
    for (let hour = 0; hour < 14 * 24; hour++) {
      for (let look = 0; look < 20; look++) {
        const nurse = onDuty(hospitals[0].emergency, "nurse", hour * HOUR, random);
        hours.set(nurse.id, (hours.get(nurse.id) ?? new Set()).add(hour));
      }
    }
    assert.equal(hours.size, hospitals[0].emergency.staff.filter(({ role }) => role === "nurse").length);
    for (const of of hours.values()) assert.ok(of.size < 14 * 12, `one was there for ${of.size} of ${14 * 24} hours`);
    const at = (pattern: RegExp) => drafts.filter(({ draft }) => pattern.test(draft.recorded.given)).length;
    assert.ok(at(/T(09|1[0-4])/) > at(/T0[0-5]/));
  });

  test("keeps names and numbers of patients in the fields that are for them", () => {
    const outside = drafts.slice(0, 3_000).filter(({ draft }) => {
      const { sealed: _sealed, persons: _persons, raw: _raw, ...clear } = draft;
      return /80999\d{15}/.test(JSON.stringify(clear));
    });
    assert.equal(outside.length, 0);
  });
});
