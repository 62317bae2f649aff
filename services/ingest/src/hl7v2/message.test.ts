import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import fc from "fast-check";
import { field, rawField, readHeader, repetitions, type Segment } from "./message.ts";
import { bytesOf, er7, messageOf, msh } from "./testing.ts";

function segment(raw: Uint8Array, name: string): Segment {
  const found = messageOf(raw).segments.find((candidate) => candidate.name === name);
  assert.ok(found);
  return found;
}

const refuses = (raw: Uint8Array, code: Parameters<typeof hasCode>[1], at: string): void => {
  assert.throws(
    () => messageOf(raw),
    (error: unknown) => hasCode(error, code) && error.at === at,
  );
};

test("fields are numbered as HL7 does: MSH-1 is the separator, MSH-2 the encoding characters", () => {
  const header = messageOf(er7(msh("ADT^A01"))).msh;
  assert.equal(rawField(header, 1), "|");
  assert.equal(rawField(header, 2), "^~\\&");
  assert.equal(field(header, 3), "WARD");
  assert.equal(field(header, 9, 1, 2), "A01");
  assert.equal(field(header, 12), "2.5");
  assert.equal(field(header, 40), "");
});

test("repetitions, components and subcomponents are told apart", () => {
  const pid = segment(er7(msh("ADT^A01"), "PID|1||11^^^ALPHA&1.2.3&ISO^MR~22^^^BETA"), "PID");
  assert.equal(field(pid, 3), "11");
  assert.equal(field(pid, 3, 1, 4), "ALPHA");
  assert.equal(field(pid, 3, 1, 4, 2), "1.2.3");
  assert.equal(field(pid, 3, 2), "22");
  assert.equal(field(pid, 3, 2, 4), "BETA");
  assert.equal(field(pid, 3, 3), "");
  assert.deepEqual(repetitions(pid, 3), ["11^^^ALPHA&1.2.3&ISO^MR", "22^^^BETA"]);
});

test("a message may declare its own delimiters, and a truncation character", () => {
  const raw = er7("MSH$*!/:#$WARD$NORTH$$$20310102$$ADT*A01$7$P$2.7", "PID$1$$1*2:3!4$$A/S/B/P/C/F/D");
  const pid = segment(raw, "PID");
  assert.equal(field(pid, 3, 1, 2, 2), "3");
  assert.equal(field(pid, 3, 2), "4");
  assert.equal(field(pid, 5), "A*B#C$D");
});

test("delimiters that cannot part a message are refused where they stand", () => {
  refuses(Buffer.from("MSH"), "INPUT_MALFORMED", "MSH-1");
  refuses(er7("MSHA^~\\&AXA"), "INPUT_MALFORMED", "MSH-1");
  refuses(er7("MSH|^~|WARD|NORTH"), "INPUT_MALFORMED", "MSH-2");
  refuses(er7("MSH|^~^&|WARD|NORTH"), "INPUT_MALFORMED", "MSH-2");
  refuses(er7("MSH|^~\\&#%|WARD|NORTH"), "INPUT_MALFORMED", "MSH-2");
  refuses(er7("MSH|^~\\|"), "INPUT_MALFORMED", "MSH-2");
  refuses(er7("PID|1"), "INPUT_MALFORMED", "MSH");
});

test("segments end in CR, LF or both, even mixed, and blank lines say nothing", () => {
  for (const end of ["\r", "\n", "\r\n", "\r\n\r\n"]) {
    const { segments, flags } = messageOf(Buffer.from([msh("ADT^A01"), "EVN|A01", "PV1|1|I", ""].join(end)));
    assert.deepEqual(
      segments.map(({ name }) => name),
      ["MSH", "EVN", "PV1"],
    );
    assert.deepEqual(flags, []);
  }
});

test("a line that is no segment is passed over and flagged", () => {
  const { segments, flags } = messageOf(er7(msh("ADT^A01"), "a note that went over the line", "PV1|1|I"));
  assert.equal(segments.length, 2);
  assert.deepEqual(flags, ["hl7:not-a-segment"]);
});

test("null and empty values are both nothing to a reader", () => {
  const pid = segment(er7(msh("ADT^A01"), 'PID|1|""|""^^^X'), "PID");
  assert.equal(field(pid, 2), "");
  assert.equal(field(pid, 3), "");
  assert.equal(rawField(pid, 2), '""');
});

test("escape sequences are resolved, and unknown ones kept as they are", () => {
  const value = (text: string): string => field(segment(er7(msh("ORU^R01"), `NTE|1||${text}`), "NTE"), 3);
  assert.equal(value("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"), "a|b^c&d~e\\f");
  assert.equal(value("one\\.br\\two\\.sp2\\three\\.in+4\\four"), "one\ntwo\n\nthreefour");
  assert.equal(value("\\H\\loud\\N\\"), "loud");
  assert.equal(value("\\XC3A9\\t\\X41\\"), "étA");
  assert.equal(value("\\Z99\\ \\F\\ \\C2D41\\"), "\\Z99\\ | \\C2D41\\");
  assert.equal(value("C:\\temp \\F\\ end\\"), "C:\\temp | end\\");
  assert.equal(value("\\X4\\"), "\\X4\\");
  assert.equal(value("a\\.sp999999999\\x").length, 22);
});

test("escape sequences switch to JIS sets and back inside a value", () => {
  const value = (text: string): string => field(segment(er7(msh("ORU^R01"), `NTE|1||${text}`), "NTE"), 3);
  assert.equal(value("a \\M2442\\%d%$\\C2842\\ b"), "a ヤイ b");
  assert.equal(value("\\M2442\\%d%$"), "ヤイ");
  // Bytes that are delimiters are escaped by their sender: 0x5C is \\E\\, 0x7C \\F\\.
  assert.equal(value("\\M2442\\I\\E\\\\C284A\\ \\C2849\\12\\C2842\\"), "府 ｱｲ");
  assert.equal(value("\\M242844\\*!\\C2842\\"), "Á");
  assert.equal(value("\\M2442\\é\\C2842\\"), "é");
});

test("versions 2.1 to 2.9 are taken, any other is refused at MSH-12", () => {
  for (const version of ["2.1", "2.3.1", "2.5.1^NLD&&ISO3166_1", "2.8.2", "2.9"]) {
    assert.equal(messageOf(er7(msh("ADT^A01", { version }))).segments.length, 1);
  }
  for (const version of ["", "9.9", "2", "3.0", "2.10", "__proto__"]) {
    refuses(er7(msh("ADT^A01", { version })), "INPUT_UNSUPPORTED", "MSH-12");
  }
});

test("a message without a control id is refused at MSH-10", () => {
  for (const id of ["", '""', "\0", "\x07 \x1e", "\\X00\\"])
    refuses(er7(msh("ADT^A01", { id })), "INPUT_INVALID", "MSH-10");
});

const named = (charset: string, name: Uint8Array): Uint8Array =>
  Buffer.concat([er7(msh("ADT^A01", { rest: `||||||${charset}` })), Buffer.from("\rPID|1||7||"), name]);

test("the text is decoded by MSH-18 before it is split", () => {
  const cases: [charset: string, hex: string, text: string][] = [
    ["", "c3a9", "é"],
    ["ASCII", "c3a9", "é"],
    ["UNICODE UTF-8", "e5b1b1", "山"],
    ["8859/1", "e9", "é"],
    ["8859/2", "b3", "ł"],
    ["8859/5", "d6", "ж"],
    ["8859/15", "a4", "€"],
    // The second byte of 燶 is 0x5C, the escape character, and of 瀨 0x5E, the component separator.
    ["GB 18030-2000", "9f5c9e5e", new TextDecoder("gb18030").decode(Buffer.from("9f5c9e5e", "hex"))],
    ["ISO IR14", "b1b2", "ｱｲ"],
    ["~ISO IR87", "1b2442256425241b2842", "ヤイ"],
    ["~ISO IR87~ISO IR159", "1b2442256425241b2428442a211b2842", "ヤイÁ"],
    [
      "ISO IR14~ISO IR87",
      "b1b21b24425c5e7c5e1b284a",
      `ｱｲ${new TextDecoder("euc-jp").decode(Buffer.from("dcdefcde", "hex"))}`,
    ],
    ["BIG-5", "a455", new TextDecoder("big5").decode(Buffer.from("a455", "hex"))],
  ];
  for (const [charset, hex, text] of cases) {
    const message = messageOf(named(charset, Buffer.from(hex, "hex")));
    const pid = message.segments[1];
    assert.ok(pid);
    assert.equal(field(pid, 5), text, charset);
    assert.deepEqual(message.flags, [], charset);
  }
});

test("bytes that are not of the declared character set are read all the same, and flagged", () => {
  assert.deepEqual(messageOf(named("", Buffer.from("e9", "hex"))).flags, ["hl7:not-ascii"]);
  assert.deepEqual(messageOf(named("UNICODE UTF-8", Buffer.from("e941", "hex"))).flags, ["hl7:charset-mismatch"]);
  assert.deepEqual(messageOf(named("GB18030", Buffer.from("ff", "hex"))).flags, ["hl7:charset-mismatch"]);
});

test("a character set that is not decoded is refused at MSH-18, whatever the bytes", () => {
  for (const charset of ["CNS 11643-1992", "UNICODE UTF-32", "EBCDIC", "8859/12", "8859/1~8859/2", "constructor"]) {
    refuses(named(charset, Buffer.from("A")), "INPUT_UNSUPPORTED", "MSH-18");
  }
});

test("property: whatever the bytes, reading ends in a message or in an error that names the place", () => {
  const piece = fc.oneof(
    fc.constantFrom("MSH|^~\\&|", "MSH", "\r", "\n", "|", "^", "~", "\\", "&", "\\X", "2.5", "PID|", "\\.br\\", "Ü"),
    fc.string({ maxLength: 8 }),
  );
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join("")));
  const bytes = fc.uint8Array({ maxLength: 80 });
  const headed = fc.tuple(fc.constant(er7(msh("ADT^A01"), "")), bytes).map((parts) => Buffer.concat(parts));
  fc.assert(
    fc.property(fc.oneof(text, bytes, headed), (raw) => {
      try {
        const { segments } = messageOf(raw);
        for (const one of segments) for (let n = 0; n < 12; n++) assert.ok(field(one, n, 1, 1).isWellFormed());
      } catch (error) {
        assert.ok(hasCode(error, "INPUT_MALFORMED", "INPUT_INVALID", "INPUT_UNSUPPORTED", "INPUT_TOO_LARGE"));
        assert.ok(error.at?.startsWith("MSH"));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("property: any text survives escaping and reading", () => {
  const value = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text.trim() !== "" && text !== '""');
  fc.assert(
    fc.property(value, (text) => {
      const escaped = text.replace(/[|^~\\&\r\n]/g, (c) => `\\X${Buffer.from(c).toString("hex")}\\`);
      const nte = segment(er7(msh("ORU^R01", { rest: "||||||UNICODE UTF-8" }), `NTE|1||${escaped}`), "NTE");
      assert.equal(field(nte, 3), text.trim());
    }),
  );
});

test("a header is all that is needed to know whom to answer", () => {
  const header = readHeader(bytesOf(er7("MSH|^~\\&|A|B|C|D|||X|1|P|9.9")));
  assert.equal(field(header.msh, 10), "1");
});

test("switching character sets in masses is refused, and costs no more than reading does", () => {
  const masses = Buffer.from("\x1b$B%d\x1b(B".repeat(150_000), "latin1");
  refuses(named("~ISO IR87", masses), "INPUT_TOO_LARGE", "MSH-18");
  const value = "\\M2442\\%d\\C2842\\".repeat(100_000);
  const nte = segment(er7(msh("ORU^R01"), `NTE|1||${value}`), "NTE");
  assert.equal(field(nte, 3), "ヤ".repeat(100_000));
});
