import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { MESSAGES_MAX } from "./limits.ts";
import { field, readHeader, readMessage } from "./message.ts";
import { splitBody } from "./split.ts";
import { msh } from "./testing.ts";

const one = (id: string): string => `${msh("ADT^A01", { id })}\rPV1|1|I`;
const idsOf = (text: string | Uint8Array): string[] =>
  splitBody(Buffer.from(text)).messages.map((bytes) => field(readHeader(bytes).msh, 10));
const faultsOf = (text: string): (string | undefined)[] => splitBody(Buffer.from(text)).faults.map((fault) => fault.at);

test("a body is one message, or several one after the other, with or without blank lines between", () => {
  assert.deepEqual(idsOf(one("A")), ["A"]);
  assert.deepEqual(idsOf(`${one("A")}\r${one("B")}\r`), ["A", "B"]);
  assert.deepEqual(idsOf(`${one("A")}\n\n${one("B")}\r\n\r\n\n${one("C")}`), ["A", "B", "C"]);
});

test("a message is the same bytes wherever it stood in a body", () => {
  const alone = splitBody(Buffer.from(one("A"))).messages[0]?.raw;
  for (const body of [`${one("A")}\r\n`, `\n\n${one("A")}\n\n${one("B")}`, `BHS|^~\\&\r${one("A")}\r\rBTS|1`]) {
    assert.deepEqual(Buffer.from(splitBody(Buffer.from(body)).messages[0]?.raw ?? []), Buffer.from(alone ?? []));
  }
});

test("a message's last letter is not lost to the trimming of blanks", () => {
  const body = splitBody(Buffer.from(`${one("A")}\rNTE|1||voilà\r`));
  assert.ok(
    Buffer.from(body.messages[0]?.raw ?? [])
      .toString()
      .endsWith("voilà"),
  );
});

test("a file captured from MLLP, or with a byte order mark, is read as the messages in it", () => {
  assert.deepEqual(idsOf(`\v${one("A")}\r\x1c\r\v${one("B")}\r\x1c\r`), ["A", "B"]);
  assert.deepEqual(idsOf(`\ufeff${one("A")}`), ["A"]);
});

test("UTF-16 is known by its byte order mark or its zero bytes", () => {
  const text = `${msh("ADT^A01", { id: "A", rest: "||||||UNICODE UTF-16" })}\rPID|1||7||Łódź\r\r${one("B")}\r`;
  const little = Buffer.from(text, "utf16le");
  const big = Buffer.from(text, "utf16le").swap16();
  for (const body of [little, big, Buffer.concat([Buffer.from("fffe", "hex"), little])]) {
    const { messages } = splitBody(body);
    assert.deepEqual(
      messages.map((bytes) => field(readHeader(bytes).msh, 10)),
      ["A", "B"],
    );
    const [first] = messages;
    assert.ok(first);
    const pid = readMessage(first, readHeader(first)).segments[1];
    assert.equal(pid && field(pid, 5), "Łódź");
  }
});

test("batches in a file are counted as their trailers count them", () => {
  const file = `FHS|^~\\&|WARD\rBHS|^~\\&|WARD\r${one("A")}\r${one("B")}\rBTS|2\rBHS|^~\\&\r${one("C")}\rBTS|1\rFTS|2\r`;
  const body = splitBody(Buffer.from(file));
  assert.deepEqual(body.faults, []);
  assert.equal(body.envelope, "FHS|^~\\&|WARD");
  assert.deepEqual(
    body.messages.map(({ flags }) => flags),
    [[], [], []],
  );
});

test("a wrong count is a fault of the batch, and flags the batch's messages alone", () => {
  const file = `FHS|^~\\&\rBHS|^~\\&\r${one("A")}\rBTS|2\rBHS|^~\\&\r${one("B")}\rBTS|1\rFTS|2`;
  const body = splitBody(Buffer.from(file));
  assert.deepEqual(
    body.faults.map(({ code, at }) => [code, at]),
    [["INPUT_INVALID", "BTS-1"]],
  );
  assert.deepEqual(
    body.messages.map(({ flags }) => flags),
    [["hl7:batch-count"], []],
  );
  assert.deepEqual(faultsOf(`FHS|^~\\&\rBHS|^~\\&\r${one("A")}\rBTS|1\rFTS|9`), ["FTS-1"]);
});

test("a batch that was cut off, or has half an envelope, says so", () => {
  assert.deepEqual(faultsOf(`BHS|^~\\&\r${one("A")}`), ["BTS"]);
  assert.deepEqual(faultsOf(`FHS|^~\\&\rBHS|^~\\&\r${one("A")}\rBTS|1`), ["FTS"]);
  assert.deepEqual(faultsOf(`${one("A")}\rBTS|1`), ["BHS"]);
  assert.deepEqual(faultsOf(`BHS|^~\\&\r${one("A")}\rBHS|^~\\&\r${one("B")}\rBTS|1`), ["BTS"]);
  assert.deepEqual(faultsOf(`BHS|^~\\&\r${one("A")}\rBTS||no count is no fault`), []);
});

test("text that belongs to no message is told, and the messages are read", () => {
  const body = splitBody(Buffer.from(`EVN|A01\r${one("A")}\rBTS|1\rZZZ|1\r${one("B")}`));
  assert.equal(body.messages.length, 2);
  assert.deepEqual(
    body.faults.map(({ code }) => code),
    ["INPUT_MALFORMED", "INPUT_MALFORMED", "INPUT_INVALID"],
  );
});

test("a body without a message, or with more than the limit, is refused as a whole", () => {
  for (const text of ["", "\r\n \r", "PID|1||7", "BHS|^~\\&\rBTS|0", "{}"]) {
    assert.throws(
      () => splitBody(Buffer.from(text)),
      (error: unknown) => hasCode(error, "INPUT_MALFORMED"),
    );
  }
  assert.equal(splitBody(Buffer.from("MSH\r".repeat(MESSAGES_MAX))).messages.length, MESSAGES_MAX);
  assert.throws(
    () => splitBody(Buffer.from("MSH\r".repeat(MESSAGES_MAX + 1))),
    (error: unknown) => hasCode(error, "INPUT_TOO_LARGE"),
  );
});
