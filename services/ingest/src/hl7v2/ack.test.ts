import assert from "node:assert/strict";
import test from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import { acknowledge, acknowledgeBatch, reject, type Stamp } from "./ack.ts";
import { type Header, readHeader } from "./message.ts";
import { bytesOf, er7 } from "./testing.ts";

const STAMP: Stamp = { controlId: "ACK7", now_ms: Date.UTC(2031, 0, 2, 3, 4, 5) };
const header = (line: string): Header => readHeader(bytesOf(er7(line)));
const stamp = (): Stamp => STAMP;
const lines = (ack: Uint8Array | undefined): string[] =>
  Buffer.from(ack ?? [])
    .toString("latin1")
    .split("\r")
    .slice(0, -1);
const first = (header: Header, error?: MedtraceError): string[] => lines(acknowledge(header, error, stamp)[0]);
const request = (more = "", version = "2.5"): Header =>
  header(`MSH|^~\\&|WARD|NORTH|LIS|CITYLAB|20310102||ADT^A01^ADT_A01|M1|P|${version}${more}`);
const codesOf = (more: string, error?: MedtraceError): string =>
  acknowledge(request(more), error, stamp)
    .map((ack) => lines(ack)[1]?.split("|")[1])
    .join(" ");

const never = new MedtraceError("INPUT_UNSUPPORTED", "MSH-12 is not a version | taken", {
  at: "MSH-12",
  hint: "send 2.5",
});
const later = new MedtraceError("BUSY", "too much at once");

test("an acknowledgment goes back to its sender, and says of which message it speaks", () => {
  assert.deepEqual(first(request()), [
    "MSH|^~\\&|LIS|CITYLAB|WARD|NORTH|20310102030405+0000||ACK^A01^ACK|ACK7|P|2.5",
    "MSA|AA|M1",
  ]);
});

test("the request's delimiters, character set and processing id are kept, in its own bytes", () => {
  const line = Buffer.from(
    "MSH*!~#$*WARD\xe9*NORTH*A#T#B*X!1.2!ISO*20310102**ADT!A01*M#F#1*T*2.3******8859/1",
    "latin1",
  );
  assert.deepEqual(first(readHeader(bytesOf(line))), [
    "MSH*!~#$*A#T#B*X!1.2!ISO*WARD\xe9*NORTH*20310102030405+0000**ACK!A01*ACK7*T*2.3******8859/1",
    "MSA*AA*M#F#1",
  ]);
});

test("the original mode answers AA, AE for what may pass later, AR for what never will", () => {
  assert.equal(codesOf(""), "AA");
  assert.equal(codesOf("", later), "AE");
  assert.equal(codesOf("", never), "AR");
});

test("the enhanced mode answers CA, CE and CR as MSH-15 wants it", () => {
  assert.equal(codesOf("|||AL|NE"), "CA");
  assert.equal(codesOf("|||AL"), "CA");
  assert.equal(codesOf("|||AL", later), "CE");
  assert.equal(codesOf("|||AL", never), "CR");
  assert.equal(codesOf("|||NE|NE"), "");
  assert.equal(codesOf("|||NE", never), "");
  assert.equal(codesOf("|||ER"), "");
  assert.equal(codesOf("|||ER", never), "CR");
  assert.equal(codesOf("|||SU"), "CA");
  assert.equal(codesOf("|||SU", never), "");
});

test("where MSH-16 wants an application acknowledgment, it follows the accept acknowledgment", () => {
  assert.equal(codesOf("|||AL|AL"), "CA AA");
  assert.equal(codesOf("||||AL"), "CA AA");
  assert.equal(codesOf("|||AL|SU"), "CA AA");
  assert.equal(codesOf("|||AL|ER"), "CA");
  const [, done] = acknowledge(request("|||AL|AL||8859/1"), undefined, stamp);
  assert.equal(
    lines(done)[0],
    "MSH|^~\\&|LIS|CITYLAB|WARD|NORTH|20310102030405+0000||ACK^A01^ACK|ACK7|P|2.5|||NE|NE||8859/1",
  );
});

test("what was not accepted has no application acknowledgment", () => {
  assert.equal(codesOf("|||AL|AL", later), "CE");
  assert.equal(codesOf("|||ER|AL", never), "CR");
});

test("where only the application acknowledgment is wanted, it is that one", () => {
  assert.equal(codesOf("|||NE|AL"), "AA");
  assert.equal(codesOf("|||ER|AL"), "AA");
  assert.equal(codesOf("|||NE|AL", later), "AE");
  assert.equal(codesOf("|||NE|ER", never), "AR");
  assert.equal(codesOf("|||NE|SU", never), "");
});

test("a request in UTF-16 is answered in UTF-16, either way round", () => {
  const text = `${Buffer.from(er7("MSH|^~\\&|WARD|山|LIS|X|20310102||ADT^A01|M1|P|2.5||||||UNICODE UTF-16")).toString()}\r`;
  for (const width of ["utf-16le", "utf-16be"] as const) {
    const raw = Buffer.from(text, "utf16le");
    if (width === "utf-16be") raw.swap16();
    const [ack = new Uint8Array()] = acknowledge(readHeader({ raw, width, flags: [] }), undefined, stamp);
    assert.match(new TextDecoder(width).decode(ack), /^MSH\|\^~\\&\|LIS\|X\|WARD\|山\|.*\rMSA\|AA\|M1\r$/);
  }
});

test("from v2.5 ERR says place, condition, severity and text in fields of their own", () => {
  assert.equal(
    first(request(), never)[2],
    "ERR||MSH^1^12|203^Unsupported version id^HL70357|E|INPUT_UNSUPPORTED||send 2.5|MSH-12 is not a version \\F\\ taken",
  );
});

test("before v2.5 ERR-1 says place and condition, and MSA-3 the text", () => {
  const [, msa, err] = first(request("", "2.3"), never);
  assert.equal(msa, "MSA|AR|M1|MSH-12 is not a version \\F\\ taken");
  assert.equal(err, "ERR|MSH^1^12^203&Unsupported version id&HL70357");
});

test("each refusal has its condition of table 0357", () => {
  const cases: [MedtraceError, string][] = [
    [new MedtraceError("INPUT_INVALID", "x", { at: "MSH-10" }), "101"],
    [new MedtraceError("INPUT_UNSUPPORTED", "x", { at: "MSH-18" }), "103"],
    [new MedtraceError("INPUT_UNSUPPORTED", "x", { at: "MSH-9" }), "200"],
    [new MedtraceError("INPUT_MALFORMED", "x", { at: "MSH-2" }), "100"],
    [new MedtraceError("EVENT_CONFLICT", "x", { at: "MSH-10" }), "205"],
    [new MedtraceError("STORAGE_FAILED", "x"), "207"],
  ];
  for (const [error, code] of cases) {
    assert.equal(first(request(), error)[2]?.split("|")[3]?.split("^")[0], code);
  }
});

test("an unknown version is answered in one that is known", () => {
  assert.match(first(request("", "9.9"), never)[0] ?? "", /\|P\|2\.5$/);
});

test("what has no header is answered all the same", () => {
  const error = new MedtraceError("INPUT_MALFORMED", "there is no MSH segment", { at: "MSH" });
  assert.deepEqual(lines(reject(error, STAMP)), [
    "MSH|^~\\&|MEDTRACE||||20310102030405+0000||ACK|ACK7|P|2.5",
    "MSA|AR|",
    "ERR||MSH^1|100^Segment sequence error^HL70357|E|INPUT_MALFORMED|||there is no MSH segment",
  ]);
});

test("nothing in a request can break the lines or the frame of its answer", () => {
  const line = `MSH|^~\\&|W\v\x1c|${"N".repeat(9_999)}|L|C|20310102||ADT^A\x1c|\x0bM1|P|2.5`;
  const ack = Buffer.concat(acknowledge(header(line), undefined, stamp));
  assert.equal(ack.includes(0x0b) || ack.includes(0x1c), false);
  assert.ok(ack.length < 1_000);
});

test("the acknowledgments of a batch are a batch that refers to it", () => {
  const [ack = new Uint8Array()] = acknowledge(request(), undefined, stamp);
  const fault = new MedtraceError("INPUT_INVALID", "the count is wrong", { at: "BTS-1" });
  const batch = lines(
    acknowledgeBatch("BHS|^~\\&|WARD|NORTH|LIS|CITYLAB|2031||||B9", "bytes", [ack, ack], [fault], STAMP),
  );
  assert.equal(batch[0], "BHS|^~\\&|LIS|CITYLAB|WARD|NORTH|20310102030405+0000||||ACK7|B9");
  assert.equal(batch.length, 6);
  assert.equal(batch[5], "BTS|2|BTS-1: the count is wrong");
  assert.equal(lines(acknowledgeBatch("BHS", "bytes", [], [], STAMP)).at(-1), "BTS|0");
});
