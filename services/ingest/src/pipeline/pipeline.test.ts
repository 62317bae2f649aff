import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { eventId } from "@medtrace/shared/model/trace-event";
import { type EventLog, VALUE_BYTES_MAX } from "@medtrace/shared/ports/event-log";
import fc from "fast-check";
import type { Draft, Receipted } from "../normalise/draft.ts";
import { draft, startPipeline, type TestPipeline } from "./testing.ts";

const A = "hospital-a";
let pipeline: TestPipeline;
before(async () => {
  pipeline = await startPipeline();
});
after(() => pipeline[Symbol.asyncDispose]());

const accept = (...drafts: Draft[]): Promise<readonly Receipted[]> => pipeline.intake.accept(A, drafts);
const together = (...drafts: Draft[]): Promise<readonly Receipted[]> =>
  pipeline.intake.accept(A, drafts, { together: true });
const statuses = (receipts: readonly Receipted[]): string[] => receipts.map(({ status }) => status);
const idsOf = (receipts: readonly Receipted[]): string[] => receipts.map((one) => ("id" in one ? one.id : one.status));
const errorOf = (receipt: Receipted | undefined): MedtraceError => {
  assert.ok(receipt?.status === "refused", receipt?.status);
  return receipt.error;
};
/** Ids of the events that some work put on the log. */
async function added(work: () => Promise<unknown>): Promise<string[]> {
  const known = new Set((await pipeline.events()).map(({ id }) => id));
  await work();
  return (await pipeline.events()).flatMap(({ id }) => (known.has(id) ? [] : [id]));
}

describe("a draft that is taken", () => {
  test("is on the log, and has its receipt, when the call resolves", async () => {
    const [receipt] = await accept(draft("one", { flags: ["fhir:missing-action"] }));
    const id = eventId(A, "hospital-a/Device/gateway", "one", 0);
    assert.deepEqual(receipt, { status: "accepted", id, flags: ["fhir:missing-action"] });
    const event = (await pipeline.events()).find((found) => found.id === id);
    assert.equal(event?.source.type, "AuditEvent");
    const noted = (await pipeline.vault.receipts([id])).get(id);
    assert.equal(noted?.digest, event?.source.digest);
    const [entry] = await pipeline.log.read(noted?.partition ?? -1, noted?.offset ?? -1, { countMax: 1, bytesMax: 1 });
    assert.deepEqual(JSON.parse(Buffer.from(entry?.value ?? []).toString()), event);
  });

  test("is known by a digest of its bytes where its source gave no id", async () => {
    const { messageId: _, ...anonymous } = draft("two");
    const first = await accept(anonymous);
    const again = await accept({ ...anonymous, raw: Buffer.from(anonymous.raw) });
    assert.deepEqual(statuses([...first, ...again]), ["accepted", "duplicate"]);
    assert.deepEqual(idsOf(first), idsOf(again));
    assert.deepEqual(statuses(await accept({ ...anonymous, raw: Buffer.from("other") })), ["accepted"]);
  });

  test("is another event at another institution, in another system, or at another place of its message", async () => {
    const one = draft("three");
    const others = [draft("three", { system: "hospital-a/Device/other" }), draft("three", { index: 1 })];
    assert.deepEqual(statuses(await accept(one, ...others)), ["accepted", "accepted", "accepted"]);
    const [elsewhere] = await pipeline.intake.accept("hospital-b", [one]);
    assert.equal(elsewhere?.status, "accepted");
  });

  test("leaves no call to the engines for no drafts", async () => {
    assert.deepEqual(await accept(), []);
    assert.deepEqual(await together(), []);
  });
});

describe("a draft that comes again", () => {
  test("with the same bytes has the same answer, and adds nothing", async () => {
    const [first] = await accept(draft("again", { flags: ["x"] }));
    const adding = added(async () => {
      assert.deepEqual(await accept(draft("again", { flags: ["x"] })), [{ ...first, status: "duplicate" }]);
    });
    assert.deepEqual(await adding, []);
  });

  test("in the same call is a duplicate of the first", async () => {
    const receipts = await accept(draft("twin"), draft("another"), draft("twin"));
    assert.deepEqual(statuses(receipts), ["accepted", "accepted", "duplicate"]);
    assert.equal(idsOf(receipts)[0], idsOf(receipts)[2]);
  });

  test("in two calls at once is taken once", async () => {
    const ids = await added(async () => {
      const receipts = await Promise.all(Array.from({ length: 8 }, () => accept(draft("race"), draft("race 2"))));
      assert.equal(receipts.flat().filter(({ status }) => status === "accepted").length, 2);
      assert.equal(receipts.flat().filter(({ status }) => status === "duplicate").length, 14);
    });
    assert.equal(ids.length, 2);
  });
});

describe("other bytes under a taken id", () => {
  const first = draft("contested");
  const other = draft("contested", {
    raw: Buffer.from("other bytes"),
    records: [
      { id: "hospital-a/Observation/9", type: "Observation", role: "generated" },
      { id: { person: 0 }, type: "Patient", role: "used" },
    ],
    recipients: ["hospital-b"],
    flags: ["fhir:missing-action"],
  });

  test("are refused, and that they came is kept as one event", async () => {
    await accept(first);
    const [kept, ...more] = await added(async () => {
      assert.deepEqual(statuses(await accept(other)), ["conflict"]);
    });
    assert.deepEqual(more, []);
    const event = (await pipeline.events()).find(({ id }) => id === kept);
    assert.equal(event?.outcome, "serious-failure");
    assert.deepEqual(event.source.flags, ["fhir:missing-action", "ingest:conflict"]);
    assert.deepEqual(
      event.records.map(({ role }) => role),
      ["associated", "associated"],
    );
    assert.deepEqual([event.recipients, event.joins], [[], []]);
  });

  test("sent again are refused again, and add nothing", async () => {
    const adding = added(async () => {
      assert.deepEqual(statuses(await accept(other, other)), ["conflict", "conflict"]);
    });
    assert.deepEqual(await adding, []);
  });

  test("that are yet others are kept too", async () => {
    const adding = added(() => accept({ ...other, raw: Buffer.from("third bytes") }));
    assert.equal((await adding).length, 1);
  });

  test("in one call with the first: the first is taken, the other refused and kept", async () => {
    const ids = await added(async () => {
      const receipts = await accept(draft("both"), draft("both", { raw: Buffer.from("b") }));
      assert.deepEqual(statuses(receipts), ["accepted", "conflict"]);
    });
    assert.equal(ids.length, 2);
  });
});

const half = "\ud800";
const many = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));
const UNFIT: [string, Partial<Draft>, string][] = [
  ["half a character in its system", { system: half }, "INPUT_MALFORMED"],
  ["half a character in its message id", { messageId: half }, "INPUT_MALFORMED"],
  ["half a character in a code", { activity: { kind: "read", codes: [{ code: half }] } }, "INPUT_MALFORMED"],
  ["half a character in an agent's id", { agents: [{ id: half, kind: "person", roles: [] }] }, "INPUT_MALFORMED"],
  ["half a character in its correlation", { correlation: half }, "INPUT_MALFORMED"],
  ["an index that is no number", { index: Number.NaN }, "INPUT_MALFORMED"],
  ["text of more bytes than the log takes", { sealed: { text: ["x".repeat(VALUE_BYTES_MAX)] } }, "INPUT_TOO_LARGE"],
  ["a name that nobody can look up", { recipients: ["x".repeat(8_193)] }, "INPUT_INVALID"],
  ["an empty name", { recipients: [""] }, "INPUT_INVALID"],
  [
    "too much to look up at once",
    {
      recipients: many(300, (n) => `recipient ${n}`),
      records: many(300, (n) => ({ id: `record ${n}`, type: "Observation", role: "used" })),
    },
    "INPUT_TOO_LARGE",
  ],
];

describe("a draft that cannot be an event", () => {
  for (const [name, more, code] of UNFIT) {
    test(`is refused by itself: ${name}`, async () => {
      const ids = await added(async () => {
        const receipts = await accept(draft(`a ${name}`), draft(name, more), draft(`b ${name}`));
        assert.deepEqual(statuses(receipts), ["accepted", "refused", "accepted"]);
        const error = errorOf(receipts[1]);
        assert.deepEqual([error.code, error.at], [code, "AuditEvent"]);
        assert.ok(error.hint);
        assert.ok(!`${error.message}${error.hint}`.includes("Muster"));
      });
      assert.equal(ids.length, 2);
    });
  }

  test("is refused each time that it comes, also twice in one call, and is not remembered", async () => {
    const large = draft("large", { sealed: { text: ["x".repeat(VALUE_BYTES_MAX)] } });
    assert.deepEqual(statuses(await accept(large, large)), ["refused", "refused"]);
    assert.deepEqual(statuses(await accept(large)), ["refused"]);
    assert.deepEqual(statuses(await accept(draft("large"))), ["accepted"], "what fits under the same id is taken");
  });

  test("of a mapping that is wrong itself is our fault, not the sender's", async () => {
    const wrong = draft("wrong", { agents: [{ id: { person: 3 }, kind: "subject", roles: [] }] });
    await assert.rejects(accept(wrong), RangeError);
    assert.deepEqual(statuses(await accept(draft("wrong"))), ["accepted"], "and holds up nothing that follows");
  });
});

describe("drafts to be taken together", () => {
  test("are, where nothing is wrong with any", async () => {
    const receipts = await together(draft("t1"), draft("t2"), draft("t1"));
    assert.deepEqual(statuses(receipts), ["accepted", "accepted", "duplicate"]);
    assert.deepEqual(statuses(await together(draft("t1"), draft("t3"))), ["duplicate", "accepted"]);
  });

  for (const [name, more] of UNFIT) {
    test(`are not, where one cannot be an event: ${name}`, async () => {
      const adding = added(async () => {
        const receipts = await together(draft(`c ${name}`), draft(name, more), draft(`d ${name}`));
        assert.deepEqual(statuses(receipts), ["withheld", "refused", "withheld"]);
      });
      assert.deepEqual(await adding, []);
    });
  }

  test("are not, where one conflicts; of that alone a record is kept", async () => {
    await accept(draft("t4"));
    const ids = await added(async () => {
      const receipts = await together(draft("t5"), draft("t4", { raw: Buffer.from("x") }), draft("t6"));
      assert.deepEqual(statuses(receipts), ["withheld", "conflict", "withheld"]);
    });
    assert.equal(ids.length, 1);
    assert.deepEqual(statuses(await together(draft("t5"), draft("t6"))), ["accepted", "accepted"]);
  });
});

test("the observer is told what became of drafts, by format and outcome, and nothing of what was refused", async () => {
  pipeline.observed.length = 0;
  await accept(
    draft("o1", { flags: ["x"] }),
    draft("o1", { flags: ["x"] }),
    draft("o1", { raw: Buffer.from("y") }),
    draft("o2", { format: "hl7v2" }),
    draft("o3", { index: Number.NaN }),
  );
  assert.deepEqual(pipeline.observed.sort(), [
    "conflicted hospital-a",
    "flagged hospital-a fhir-r4 1",
    "taken hospital-a fhir-r4 accepted 1",
    "taken hospital-a fhir-r4 conflict 1",
    "taken hospital-a fhir-r4 duplicate 1",
    "taken hospital-a hl7v2 accepted 1",
  ]);
});

test("whatever comes in whatever calls, every id is on the log once, and every conflict once", async () => {
  const one = fc.record({ name: fc.constantFrom("p", "q", "r"), raw: fc.constantFrom("1", "2"), fits: fc.boolean() });
  const calls = fc.array(fc.record({ drafts: fc.array(one, { maxLength: 4 }), together: fc.boolean() }), {
    maxLength: 6,
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(calls, async (all) => {
      run += 1;
      const system = `run ${run}`;
      const told = await Promise.all(
        all.map(({ drafts, together: isTogether }) =>
          pipeline.intake.accept(
            A,
            drafts.map(({ name, raw, fits }) =>
              draft(name, { system, raw: Buffer.from(raw), ...(fits ? {} : { recipients: [""] }) }),
            ),
            { together: isTogether },
          ),
        ),
      );
      const accepted = told.flat().flatMap((one) => (one.status === "accepted" ? [one.id] : []));
      assert.equal(new Set(accepted).size, accepted.length);
      const events = (await pipeline.events()).filter(({ source }) => source.system === system);
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
      const kept = events.filter(({ source }) => !source.flags.includes("ingest:conflict")).map(({ id }) => id);
      assert.deepEqual(kept.sort(), accepted.sort());
      for (const [i, receipts] of told.entries()) {
        if (all[i]?.together && receipts.some(({ status }) => status === "refused" || status === "conflict"))
          assert.ok(receipts.every(({ status }) => status !== "accepted" && status !== "duplicate"));
      }
    }),
    { numRuns: 40 },
  );
});

describe("a log that fails", () => {
  test("acknowledges nothing; the same drafts are taken once it is well again", async () => {
    let failing = true;
    const through = (log: EventLog): EventLog =>
      new Proxy(log, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (name === "append" && failing) {
            return () => Promise.reject(new MedtraceError("STORAGE_FAILED", "the disk is full"));
          }
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    await using own = await startPipeline(through);
    const send = (): Promise<readonly Receipted[]> => own.intake.accept(A, [draft("f1"), draft("f2")]);
    await assert.rejects(Promise.all([send(), send()]), (error) => hasCode(error, "STORAGE_FAILED"));
    assert.deepEqual(await own.events(), []);
    failing = false;
    assert.deepEqual(statuses(await send()), ["accepted", "accepted"]);
    assert.deepEqual(statuses(await send()), ["duplicate", "duplicate"]);
  });
});
