import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type FrameEvent, Framer, frame } from "./framer.ts";

const CAP = 1_000;
const text = (content: string): Uint8Array => Buffer.from(content, "latin1");
const told = (events: readonly FrameEvent[]): string[] =>
  events.map((event) =>
    event.kind === "frame" ? `frame ${Buffer.from(event.content).toString("latin1")}` : event.kind,
  );

/** Events of these chunks, one after the other. */
function read(...chunks: Uint8Array[]): string[] {
  const framer = new Framer(CAP);
  return chunks.flatMap((chunk) => told(framer.push(chunk)));
}

test("frames are found in one chunk, however many there are", () => {
  assert.deepEqual(read(Buffer.concat([frame(text("a")), frame(text("")), frame(text("b\rc"))])), [
    "frame a",
    "frame ",
    "frame b\rc",
  ]);
});

test("junk, NUL and line ends between frames are skipped", () => {
  assert.deepEqual(read(text("\r\n\0junk\x1c\r\x0ba\x1c\r\r\n\n \x1c\x0bb\x1c\r\n")), ["frame a", "frame b"]);
});

test("text outside of frames is told once it is over its cap, and ends the reading; blanks and NULs never do", () => {
  assert.deepEqual(read(text("\0\r\n ".repeat(9_999)), frame(text("a"))), ["frame a"]);
  assert.deepEqual(read(text("x".repeat(4_096)), frame(text("a")), text("x".repeat(4_096)), frame(text("b"))), [
    "frame a",
    "frame b",
  ]);
  const line = text(`MSH|^~\\&|${"x".repeat(1_000)}\r`);
  assert.deepEqual(read(line, line, line, line, line, frame(text("a"))), ["unframed"]);
});

test("an end mark without its second byte is content, and may be followed by the real end", () => {
  assert.deepEqual(read(text("\x0ba\x1cb\x1c\x1c\r")), ["frame a\x1cb\x1c"]);
});

test("a sender who leaves the second end byte out ends its frame when it opens the next", () => {
  assert.deepEqual(read(text("\x0ba\x1c\x0bb\x1c\r")), ["frame a", "frame b"]);
});

test("a frame opened inside another replaces it", () => {
  assert.deepEqual(read(text("\x0bhalf a mess\x0bwhole\x1c\r")), ["abandoned", "frame whole"]);
});

test("a frame over the cap is told once, holds nothing, and ends the reading", () => {
  const framer = new Framer(CAP);
  assert.deepEqual(told(framer.push(text("\x0b"))), []);
  const seen: string[] = [];
  for (let i = 0; i < 100; i++) {
    seen.push(...told(framer.push(text("x".repeat(333)))));
    assert.ok(framer.heldBytes <= CAP);
  }
  seen.push(...told(framer.push(frame(text("late")))));
  assert.deepEqual(seen, ["too-large"]);
  assert.deepEqual(told(new Framer(CAP).push(frame(text("x".repeat(CAP + 1))))), ["too-large"]);
  assert.equal(told(new Framer(CAP).push(frame(text("x".repeat(CAP)))))[0]?.length, CAP + 6);
});

test("a frame in single bytes is held in one piece", () => {
  const framer = new Framer(CAP);
  const whole = frame(text("x".repeat(900)));
  const events = [...whole].flatMap((byte) => framer.push(Uint8Array.of(byte)));
  assert.deepEqual(told(events), [`frame ${"x".repeat(900)}`]);
  assert.equal(framer.heldBytes, 0);
});

test("property: however a stream is cut, and between any two bytes, its frames are the same", () => {
  const content = fc
    .array(fc.constantFrom(0x41, 0x0d, 0x0a, 0x7c, 0x00, 0xff), { maxLength: 12 })
    .map((bytes) => Uint8Array.from(bytes));
  const junk = fc.array(fc.constantFrom(0x0d, 0x0a, 0x00, 0x20, 0x1c), { maxLength: 3 }).map((b) => Uint8Array.from(b));
  const stream = fc.array(fc.tuple(junk, content), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(stream, (parts) => {
      const bytes = Buffer.concat(parts.flatMap(([noise, one]) => [noise, frame(one)]));
      const expected = parts.map(([, one]) => `frame ${Buffer.from(one).toString("latin1")}`);
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepEqual(read(bytes.subarray(0, cut), bytes.subarray(cut)), expected);
      }
      assert.deepEqual(read(...[...bytes].map((byte) => Uint8Array.of(byte))), expected);
    }),
  );
});

test("property: any bytes, cut anywhere, give the same events, and no more is held than the cap", () => {
  const byte = fc.oneof(fc.constantFrom(0x0b, 0x1c, 0x0d, 0x41), fc.nat(255));
  const chunks = fc.array(
    fc.array(byte, { maxLength: 60 }).map((bytes) => Uint8Array.from(bytes)),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(chunks, (cut) => {
      const inOne = new Framer(100);
      const inMany = new Framer(100);
      const whole = told(inOne.push(Buffer.concat(cut)));
      const pieces = cut.flatMap((chunk) => told(inMany.push(chunk)));
      assert.deepEqual(pieces, whole);
      assert.ok(inMany.heldBytes <= 100);
    }),
    { numRuns: 1_000 },
  );
});
