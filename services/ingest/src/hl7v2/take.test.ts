import assert from "node:assert/strict";
import test from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import fc from "fast-check";
import type { Draft, Intake, Receipted } from "../normalise/draft.ts";
import { createTake, type Taken } from "./take.ts";
import { CONTEXT, DIRECTORY, er7, msh } from "./testing.ts";

/** An intake that knows each message id once, and can be told to fail. */
class MemoryIntake implements Intake {
  readonly calls: Draft[][] = [];
  readonly #raw = new Map<string, string>();
  failure: Error | undefined;
  refuse: (draft: Draft) => MedtraceError | undefined = () => undefined;

  async accept(_institution: string, drafts: readonly Draft[]): Promise<readonly Receipted[]> {
    this.calls.push([...drafts]);
    if (this.failure !== undefined) throw this.failure;
    return drafts.map((draft): Receipted => {
      const error = this.refuse(draft);
      if (error !== undefined) return { status: "refused", error };
      const id = `${draft.messageId}/${draft.index}`;
      const raw = Buffer.from(draft.raw).toString("latin1");
      const known = this.#raw.get(id);
      if (known !== undefined && known !== raw) return { status: "conflict", id };
      this.#raw.set(id, raw);
      return { status: known === undefined ? "accepted" : "duplicate", id, flags: draft.flags };
    });
  }
}

function setUp(): { intake: MemoryIntake; take: (body: Uint8Array | string) => Promise<Taken> } {
  const intake = new MemoryIntake();
  let count = 0;
  const controlId = (): string => `A${++count}`;
  const take = createTake({ intake, directory: DIRECTORY, zone: CONTEXT.zone, now_ms: () => 0, controlId });
  return { intake, take: (body) => take("north-hospital", Buffer.from(body)) };
}

const one = (id: string, ...more: string[]): string =>
  Buffer.from(er7(msh("ADT^A08", { id }), "PID|1||4711^^^MPI", ...more)).toString();
const statuses = (taken: Taken): string[] => taken.messages.map(({ status, controlId }) => `${controlId} ${status}`);
const codes = (taken: Taken): string[] =>
  [
    ...Buffer.concat(taken.replies)
      .toString("latin1")
      .matchAll(/\rMSA\|(\w\w)\|(\w*)/g),
  ].map(([, code, id]) => `${code} ${id}`);

test("a message is taken once; the same bytes again are a duplicate, others under its id a conflict", async () => {
  const { take } = setUp();
  const first = await take(one("M1"));
  assert.deepEqual([statuses(first), codes(first)], [["M1 accepted"], ["AA M1"]]);
  assert.deepEqual(first.messages[0]?.ids, ["M1/0"]);
  const again = await take(one("M1"));
  assert.deepEqual([statuses(again), codes(again)], [["M1 duplicate"], ["AA M1"]]);
  const other = await take(one("M1", "NTE|1||more"));
  assert.deepEqual([statuses(other), codes(other)], [["M1 refused"], ["AR M1"]]);
  assert.equal(other.messages[0]?.error?.code, "EVENT_CONFLICT");
});

test("a malformed message in a batch spoils only itself", async () => {
  const { take } = setUp();
  const taken = await take(`BHS|^~\\&|||||||||B1\r${one("M1")}\rMSH|^~\rPID|1\r${one("M3")}\rBTS|3\r`);
  assert.deepEqual(statuses(taken), ["M1 accepted", "undefined refused", "M3 accepted"]);
  assert.deepEqual(codes(taken), ["AA M1", "AR ", "AA M3"]);
  assert.match(Buffer.concat(taken.replies).toString(), /^BHS\|.*\|B1\r[\s\S]*\rBTS\|3\r$/);
  assert.deepEqual(taken.faults, []);
});

test("a batch's wrong count is said, and its messages are taken and flagged", async () => {
  const { take } = setUp();
  const taken = await take(`BHS|^~\\&\r${one("M1")}\rBTS|2\r`);
  assert.deepEqual(statuses(taken), ["M1 accepted"]);
  assert.ok(taken.messages[0]?.flags.includes("hl7:batch-count"));
  assert.equal(taken.faults[0]?.at, "BTS-1");
});

test("what storage refuses may be sent again, and nothing after it is tried", async () => {
  for (const failure of [
    new MedtraceError("BUSY", "full"),
    new MedtraceError("STORAGE_FAILED", "disk"),
    new TypeError(),
  ]) {
    const { take, intake } = setUp();
    intake.failure = failure;
    const taken = await take(Array.from({ length: 1_200 }, (_, i) => one(`M${i}`)).join("\r"));
    assert.equal(intake.calls.length, 1);
    assert.equal(taken.messages.length, 1_200);
    assert.ok(codes(taken).every((code) => code.startsWith("AE ")));
    assert.ok(taken.messages.every(({ status, ids }) => status === "refused" && ids.length === 0));
  }
});

test("a message whose event the intake refuses is rejected by itself, and never to be sent again", async () => {
  const { take, intake } = setUp();
  intake.refuse = ({ messageId }) =>
    messageId === "M2" ? new MedtraceError("INPUT_TOO_LARGE", "it is too large", { at: "message" }) : undefined;
  const taken = await take(["M1", "M2", "M3"].map((id) => one(id)).join("\r"));
  assert.deepEqual(statuses(taken), ["M1 accepted", "M2 refused", "M3 accepted"]);
  assert.deepEqual(codes(taken), ["AA M1", "AR M2", "AA M3"]);
  assert.equal(taken.messages[1]?.error?.code, "INPUT_TOO_LARGE");
  assert.deepEqual(taken.messages[1]?.ids, []);
});

test("many messages share calls to the intake, and each call is bounded", async () => {
  const { take, intake } = setUp();
  const taken = await take(Array.from({ length: 1_200 }, (_, i) => one(`M${i}`)).join("\r"));
  assert.equal(taken.messages.filter(({ status }) => status === "accepted").length, 1_200);
  assert.ok(intake.calls.length <= 3);
  assert.ok(intake.calls.every((drafts) => drafts.length <= 500));
});

test("a message of several events is one outcome with all their ids", async () => {
  const { take } = setUp();
  const merge = er7(msh("ADT^A40", { id: "M9" }), "PID|1||1^^^MPI", "MRG|2^^^MPI", "PID|2||3^^^MPI", "MRG|4^^^MPI");
  assert.deepEqual((await take(merge)).messages[0]?.ids, ["M9/0", "M9/1"]);
});

test("a body without a message is answered with a rejection that needs none", async () => {
  const { take, intake } = setUp();
  for (const body of ["", "hello", "PID|1||4711"]) {
    const taken = await take(body);
    assert.deepEqual(codes(taken), ["AR "]);
    assert.equal(taken.messages[0]?.error?.code, "INPUT_MALFORMED");
  }
  assert.equal(intake.calls.length, 0);
});

test("an unknown version and an unknown character set are refused where they stand", async () => {
  const { take } = setUp();
  const version = await take(msh("ADT^A01", { version: "9.9" }));
  assert.match(Buffer.concat(version.replies).toString(), /MSA\|AR\|M1\rERR\|\|MSH\^1\^12\|203\^/);
  const charset = await take(msh("ADT^A01", { rest: "||||||KLINGON" }));
  assert.match(Buffer.concat(charset.replies).toString(), /MSA\|AR\|M1\rERR\|\|MSH\^1\^18\|103\^/);
  const unnamed = await take(msh("ADT^A01", { id: "" }));
  assert.match(Buffer.concat(unnamed.replies).toString(), /MSA\|AR\rERR\|\|MSH\^1\^10\|101\^/);
});

test("a sender who wants no acknowledgment gets none, and its message is taken", async () => {
  const { take } = setUp();
  const taken = await take(er7(msh("ADT^A08", { rest: "|||NE|NE" })));
  assert.deepEqual(taken.replies, []);
  assert.equal(taken.messages[0]?.status, "accepted");
});

test("a sender who wants both gets the accept and then the application acknowledgment, apart", async () => {
  const { take } = setUp();
  const both = er7(msh("ADT^A08", { rest: "|||AL|AL" }));
  const { replies } = await take(both);
  assert.equal(replies.length, 2);
  assert.match(Buffer.from(replies[0] ?? []).toString(), /\|A1\|P\|2\.5\rMSA\|CA\|M1\r$/);
  assert.match(Buffer.from(replies[1] ?? []).toString(), /\|A2\|P\|2\.5\|\|\|NE\|NE\rMSA\|AA\|M1\r$/);
  const batch = await take(Buffer.concat([Buffer.from("BHS|^~\\&\r"), both, Buffer.from("\rBTS|1\r")]));
  assert.deepEqual(
    batch.replies.map((reply) => Buffer.from(reply).toString().slice(-6)),
    ["BTS|1\r", "BTS|1\r"],
  );
});

test("an acknowledgment is neither traced nor acknowledged", async () => {
  const { take, intake } = setUp();
  const taken = await take(er7(msh("ACK^A01"), "MSA|AA|M1"));
  assert.deepEqual(taken.replies, []);
  assert.equal(taken.messages[0]?.status, "refused");
  assert.equal(intake.calls.length, 0);
});

test("errors never repeat what a message held", async () => {
  const { take } = setUp();
  const taken = await take(
    er7(msh("ORM^O01", { id: "M1" }), "PID|1||SECRETNUMBER", `ORC|NW|SECRETNUMBER${"9".repeat(300)}`),
  );
  const [outcome] = taken.messages;
  assert.equal(outcome?.error?.at, "ORC-2");
  assert.equal(Buffer.concat(taken.replies).toString().includes("SECRETNUMBER"), false);
});

test("property: any body is answered", async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      one("A"),
      msh("ADT^A40"),
      "MSH|^~\\&|",
      "BHS|^~\\&|",
      "BTS|1",
      "FTS|",
      "\r",
      "\n",
      "\v",
      "\x1c\r",
      "PID|",
    ),
    fc.string({ maxLength: 10 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
      const { take } = setUp();
      const taken = await take(pieces.join(""));
      assert.ok(taken.messages.length > 0);
      for (const { status, error } of taken.messages) assert.equal(status === "refused", error !== undefined);
    }),
    { numRuns: 500 },
  );
});
