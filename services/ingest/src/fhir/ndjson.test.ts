import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import fc from "fast-check";
import type { Draft, Intake, Receipted } from "../normalise/draft.ts";
import { type LineResult, NDJSON_LIMITS, splitLines, takeNdjson } from "./ndjson.ts";
import { auditEvent, CONTEXT, provenance } from "./testing.ts";

const LIMITS = { lineBytesMax: 4_096, linesPerCall: 3, busy_ms_max: 0 };

/** An intake that takes each bytes once; `fail` decides what a call meets. */
class MemoryIntake implements Intake {
  readonly calls: Draft[][] = [];
  readonly #known = new Set<string>();
  fail: (call: number) => MedtraceError | undefined = () => undefined;
  refuse: (draft: Draft) => MedtraceError | undefined = () => undefined;

  async accept(_institution: string, drafts: readonly Draft[]): Promise<readonly Receipted[]> {
    const failure = this.fail(this.calls.length);
    this.calls.push([...drafts]);
    if (failure !== undefined) throw failure;
    return drafts.map((draft): Receipted => {
      const error = this.refuse(draft);
      if (error !== undefined) return { status: "refused", error };
      const id = Buffer.from(draft.raw).toString("hex");
      const status = this.#known.has(id) ? "duplicate" : "accepted";
      this.#known.add(id);
      return { status, id, flags: draft.flags };
    });
  }
}

async function* chunked(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

async function take(body: string | AsyncIterable<Uint8Array>, intake = new MemoryIntake()): Promise<LineResult[]> {
  const results: LineResult[] = [];
  const chunks = typeof body === "string" ? chunked(body) : body;
  for await (const part of takeNdjson(chunks, intake, CONTEXT, LIMITS)) results.push(...part);
  return results;
}

const line = (name: string): string => JSON.stringify(auditEvent({ id: name }));
const told = (results: readonly LineResult[]): string[] =>
  results.map((one) => [one.line, one.status, ...(one.error === undefined ? [] : [one.error.code])].join(" "));

describe("splitting lines", () => {
  const split = async (chunks: Uint8Array[], lineBytesMax: number): Promise<[number, string | undefined][]> => {
    const lines: [number, string | undefined][] = [];
    for await (const part of splitLines(chunked(...chunks), lineBytesMax)) {
      for (const { number, bytes } of part) {
        lines.push([number, bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1")]);
      }
    }
    return lines;
  };

  test("gives the same lines wherever the stream is cut, those over the limit without their bytes", async () => {
    const text = fc.array(fc.constantFrom("a", "bc", "\n", "\r\n", "\xe9", "0123456789"), { maxLength: 40 });
    const cuts = fc.array(fc.nat(60), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(text, cuts, fc.integer({ min: 1, max: 12 }), async (pieces, places, max) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        const ends = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].sort((a, b) => a - b);
        const chunks = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
        const lines = bytes.toString("latin1").split("\n");
        const expected = lines.map((line, i) => [i + 1, line.length > max ? undefined : line]);
        assert.deepEqual(
          await split(chunks, max),
          expected.filter(([, line]) => line !== ""),
        );
      }),
    );
  });

  test("holds nothing of a line that is over the limit", async () => {
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      const chunk = Buffer.alloc(1_048_576, "x");
      for (let i = 0; i < 256; i++) yield chunk;
    };
    const before = process.memoryUsage().arrayBuffers;
    let lines = 0;
    for await (const part of splitLines(endless(), 1_000)) lines += part.length;
    assert.equal(lines, 1);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1_048_576);
  });
});

test("every line has its result, in order, with its number; blank ones count and have none", async () => {
  const body = [line("a"), "", "  \t", `${line("b")}\r`, "{", JSON.stringify(provenance()), line("a"), "\r"].join("\n");
  assert.deepEqual(told(await take(body)), [
    "1 accepted",
    "4 accepted",
    "5 refused INPUT_MALFORMED",
    "6 accepted",
    "7 duplicate",
  ]);
  assert.deepEqual(await take(""), []);
  assert.deepEqual(await take("\n\n\r\n"), []);
});

test("a refusal says what, where and what to do, of the line alone", async () => {
  const [broken, wrong, other, deep] = await take(
    [
      '{"a":,}',
      JSON.stringify(auditEvent({ agent: [{ who: 7 }] })),
      '{"resourceType":"Patient"}',
      "[".repeat(101),
    ].join("\n"),
  );
  assert.deepEqual(broken?.error, {
    code: "INPUT_MALFORMED",
    message: "this is not JSON",
    at: "column 6",
    hint: "send one JSON value in UTF-8",
  });
  assert.deepEqual([wrong?.error?.code, wrong?.error?.at], ["INPUT_INVALID", "AuditEvent.agent[0].who"]);
  assert.deepEqual([other?.error?.code, other?.error?.at], ["INPUT_INVALID", "resourceType"]);
  assert.deepEqual([deep?.error?.code, deep?.error?.at], ["INPUT_MALFORMED", "byte 100"]);
  for (const result of [broken, wrong, other, deep]) assert.ok(result?.error?.hint);
});

test("a line over the limit is refused, and the next is taken", async () => {
  const body = [line("a"), `{"x":"${"x".repeat(LIMITS.lineBytesMax)}"}`, line("b")].join("\n");
  assert.deepEqual(told(await take(body)), ["1 accepted", "2 refused INPUT_TOO_LARGE", "3 accepted"]);
});

test("a line that is the stream's last needs no end; one that breaks off is no JSON", async () => {
  assert.deepEqual(told(await take(line("a"))), ["1 accepted"]);
  assert.deepEqual(told(await take(line("a").slice(0, -1))), ["1 refused INPUT_MALFORMED"]);
});

test("lines go to the intake in calls of a bounded number, never two at once, and in their order", async () => {
  const intake = new MemoryIntake();
  let underWay = 0;
  const counting: Intake = {
    async accept(institution, drafts) {
      underWay += 1;
      assert.equal(underWay, 1);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return intake.accept(institution, drafts);
    },
  };
  const names = Array.from({ length: 10 }, (_, n) => `n${n}`);
  const results: LineResult[] = [];
  const chunks = chunked(...names.map((name) => `${line(name)}\n`));
  for await (const part of takeNdjson(chunks, counting, CONTEXT, LIMITS)) results.push(...part);
  assert.deepEqual(
    results.map((result) => result.line),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.ok(intake.calls.every((call) => call.length <= LIMITS.linesPerCall));
  const sent = intake.calls.flat().map(({ raw }) => JSON.parse(Buffer.from(raw).toString()).id);
  assert.deepEqual(sent, names);
});

test("a draft that the intake refuses spoils its own line alone", async () => {
  const intake = new MemoryIntake();
  intake.refuse = ({ raw }) =>
    Buffer.from(raw).includes('"b"') ? new MedtraceError("INPUT_TOO_LARGE", "it is", { at: "AuditEvent" }) : undefined;
  const results = await take([line("a"), line("b"), line("c")].join("\n"), intake);
  assert.deepEqual(told(results), ["1 accepted", "2 refused INPUT_TOO_LARGE", "3 accepted"]);
  assert.equal(results[1]?.error?.at, "AuditEvent");
});

describe("storage that fails", () => {
  const failing = (code: ErrorCode, ...calls: number[]): MemoryIntake => {
    const intake = new MemoryIntake();
    intake.fail = (call) => (calls.includes(call) ? new MedtraceError(code, "it is") : undefined);
    return intake;
  };
  const body = ["a", "b", "c", "d", "e"].map(line).concat("{").join("\n");

  test("is told of line by line, and what follows is tried", async () => {
    assert.deepEqual(told(await take(body, failing("STORAGE_FAILED", 0))), [
      "1 refused STORAGE_FAILED",
      "2 refused STORAGE_FAILED",
      "3 refused STORAGE_FAILED",
      "4 accepted",
      "5 accepted",
      "6 refused INPUT_MALFORMED",
    ]);
  });

  test("because it is busy is waited for, as long as the limit says", async () => {
    assert.equal(told(await take(body, failing("BUSY", 0)))[0], "1 refused BUSY", "not at all where it is 0");
    const results: LineResult[] = [];
    const patient = { ...NDJSON_LIMITS, linesPerCall: 3 };
    for await (const part of takeNdjson(chunked(body), failing("BUSY", 0, 1, 3), CONTEXT, patient))
      results.push(...part);
    assert.deepEqual(
      results.map(({ status }) => status),
      [...Array(5).fill("accepted"), "refused"],
    );
  });

  test("in a way that nobody foresaw ends the stream: the rest was not taken", async () => {
    await assert.rejects(take(body, failing("INTEGRITY", 1)), { code: "INTEGRITY" });
  });
});

test("a sender that leaves ends the stream with its error", async () => {
  const leaving = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${line("a")}\n${line("b").slice(0, 20)}`);
    throw new Error("aborted");
  };
  const intake = new MemoryIntake();
  await assert.rejects(take(leaving(), intake), /aborted/);
  assert.equal(intake.calls.length, 0);
});

test("any bytes have a result for each line that is not blank", async () => {
  const piece = fc.constantFrom("{", "}", '"', "\n", "\r", line("x"), line("y"), "null", "\xff", "[", "]", " ", "7");
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const bytes = Buffer.from(pieces.join(""), "latin1");
      const expected = bytes
        .toString("latin1")
        .split("\n")
        .flatMap((text, i) => (/[^ \r\t]/.test(text) ? [i + 1] : []));
      assert.deepEqual(
        (await take(chunked(bytes))).map((result) => result.line),
        expected,
      );
    }),
  );
});
