import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import fc from "fast-check";
import { readSyslog } from "./header.ts";

const contentOf = (text: string): string => Buffer.from(readSyslog(Buffer.from(text)).content).toString();

test("the header's parts are read, the NILVALUE as none", () => {
  const { content, ...header } = readSyslog(
    Buffer.from("<85>1 2026-01-15T01:30:00.003Z host app 12 IHE+RFC-3881 - <a/>"),
  );
  assert.deepEqual(header, {
    facility: 10,
    severity: 5,
    timestamp: "2026-01-15T01:30:00.003Z",
    hostName: "host",
    appName: "app",
    processId: "12",
    messageId: "IHE+RFC-3881",
  });
  assert.equal(Buffer.from(content).toString(), "<a/>");
  assert.equal(readSyslog(Buffer.from("<0>1 - - - - - -")).hostName, undefined);
});

test("a byte order mark before the message is left out", () => {
  assert.equal(contentOf("<85>1 - - - - - - \ufeff<a/>"), "<a/>");
});

test("structured data is skipped, whatever its values hold", () => {
  assert.equal(contentOf('<85>1 - - - - - [a@1 b="c"][d@1] <a/>'), "<a/>");
  assert.equal(contentOf('<85>1 - - - - - [a@1 b="] \\" \\] x"] <a/>'), "<a/>");
});

test("a message of nothing but a header has no content", () => {
  assert.equal(contentOf("<85>1 - - - - - -"), "");
  assert.equal(contentOf("<85>1 - - - - - [a]"), "");
});

test("what has no header of RFC 5424 is refused, and never repeated", () => {
  for (const text of [
    "",
    "<85>",
    "<85>2 - - - - - - x",
    "<192>1 - - - - - - x",
    "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
    "<85>1 - - - - - x",
    '<85>1 - - - - - [a b="secret x',
    "<85>1 - - - - - [a]x",
    `<85>1 - ${"h".repeat(300)} - - - - x`,
    "<85>1 - sécret - - - - x",
  ]) {
    assert.throws(
      () => readSyslog(Buffer.from(text)),
      (error: unknown) => hasCode(error, "INPUT_MALFORMED") && !/secret|mymachine/.test(error.message),
      text,
    );
  }
});

test("property: any bytes are read or refused", () => {
  const head = fc.constantFrom("", "<85>1 - - - - - ", "<85>1 - - - - - [");
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 100 }), (text, bytes) => {
      try {
        readSyslog(Buffer.concat([Buffer.from(text), bytes]));
      } catch (error) {
        assert.ok(hasCode(error, "INPUT_MALFORMED"));
      }
    }),
    { numRuns: 1_000 },
  );
});
