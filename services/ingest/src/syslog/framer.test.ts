import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type FrameEvent, Framer, frame } from "./framer.ts";

const CAP = 1_000;
const told = (events: readonly FrameEvent[]): string[] =>
  events.map((event) =>
    event.kind === "message" ? `message ${Buffer.from(event.content).toString("latin1")}` : event.kind,
  );

function read(...chunks: (string | Uint8Array)[]): string[] {
  const framer = new Framer(CAP);
  return chunks.flatMap((chunk) => told(framer.push(Buffer.from(chunk as string, "latin1"))));
}

test("messages are found by their lengths, however many come at once", () => {
  assert.deepEqual(read("3 abc10 0123456789"), ["message abc", "message 0123456789"]);
});

test("line ends between messages are skipped, inside they are content", () => {
  assert.deepEqual(read("3 a\nc\n\r\n2 xy"), ["message a\nc", "message xy"]);
});

test("what is not framed by a length ends the reading", () => {
  assert.deepEqual(read("<85>1 - - - - - -\n2 xy"), ["unframed"]);
  assert.deepEqual(read(" 2 xy"), ["unframed"]);
  assert.deepEqual(read("02 xy"), ["unframed"]);
  assert.deepEqual(read("-2 xy"), ["unframed"]);
  assert.deepEqual(read("2\txy"), ["unframed"]);
  assert.deepEqual(read("0 2 xy"), ["unframed"]);
});

test("a wrong length is told as soon as what follows is no length", () => {
  assert.deepEqual(read("2 abc3 def"), ["message ab", "unframed"]);
  assert.deepEqual(read("4 abc3 def"), ["message abc3", "unframed"]);
});

test("a length over the cap is refused by its digits, which never need to end", () => {
  const framer = new Framer(CAP);
  assert.deepEqual(told(framer.push(Buffer.from("1001"))), ["too-large"]);
  for (let i = 0; i < 1_000; i++) assert.deepEqual(framer.push(Buffer.from("9".repeat(1_000))), []);
  assert.equal(framer.heldBytes, 0);
  assert.equal(framer.isInside, false);
  assert.deepEqual(read(`1000 ${"x".repeat(1_000)}`), [`message ${"x".repeat(1_000)}`]);
});

test("a length that is only claimed holds no more than what came", () => {
  const framer = new Framer(100_000_000);
  framer.push(Buffer.from("99999999 abc"));
  assert.equal(framer.heldBytes, 3);
  assert.equal(framer.isInside, true);
});

test("property: however a stream is cut, its messages are the same", () => {
  const content = fc.uint8Array({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(content, { minLength: 1, maxLength: 4 }), (parts) => {
      const bytes = Buffer.concat(parts.map(frame));
      const expected = parts.map((part) => `message ${Buffer.from(part).toString("latin1")}`);
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepEqual(read(bytes.subarray(0, cut), bytes.subarray(cut)), expected);
      }
      assert.deepEqual(read(...[...bytes].map((byte) => Uint8Array.of(byte))), expected);
    }),
  );
});

test("property: any bytes, cut anywhere, give the same events, and no more is held than the cap", () => {
  const byte = fc.oneof(fc.constantFrom(0x20, 0x31, 0x39, 0x0a), fc.nat(255));
  const chunks = fc.array(
    fc.array(byte, { maxLength: 60 }).map((bytes) => Uint8Array.from(bytes)),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(chunks, (cut) => {
      const inOne = new Framer(100);
      const inMany = new Framer(100);
      const whole = told(inOne.push(Buffer.concat(cut)));
      assert.deepEqual(
        cut.flatMap((chunk) => told(inMany.push(chunk))),
        whole,
      );
      assert.ok(inMany.heldBytes <= 100);
    }),
    { numRuns: 1_000 },
  );
});
