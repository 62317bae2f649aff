import assert from "node:assert/strict";
import test from "node:test";
import { type ErrorCode, hasCode, type MedtraceError } from "@medtrace/shared/errors";
import fc from "fast-check";
import { readXml } from "./xml.ts";

function refusal(text: string | Uint8Array): MedtraceError {
  try {
    readXml(Buffer.from(text as string));
  } catch (error) {
    assert.ok(error instanceof Error);
    return error as MedtraceError;
  }
  throw new assert.AssertionError({ message: "it was taken" });
}

function refused(text: string | Uint8Array, code: ErrorCode): void {
  assert.equal(refusal(text).code, code, String(text).slice(0, 100));
}

test("elements, attributes and text are read, references by number and by XML's own names too", () => {
  const root = readXml(Buffer.from('<x:a b="1 &lt; &#50;"><c>t&amp;<![CDATA[<u>]]></c><!-- no --><c/></x:a>'));
  assert.equal(root.name, "a");
  assert.equal(root.attributes.get("b"), "1 < 2");
  assert.deepEqual(
    root.children.map(({ name, text }) => [name, text]),
    [
      ["c", "t&<u>"],
      ["c", ""],
    ],
  );
});

test("a document type is refused, so nothing is fetched, included or multiplied", () => {
  refused('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "INPUT_UNSUPPORTED");
  refused('<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><a>&x;</a>', "INPUT_UNSUPPORTED");
  refused('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>', "INPUT_UNSUPPORTED");
  const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("");
  refused(`<!DOCTYPE a [<!ENTITY l0 "ha">${laughs}]><a>&l9;</a>`, "INPUT_UNSUPPORTED");
  refused('<!DOCTYPE a [<!ATTLIST a b CDATA "x">]><a/>', "INPUT_UNSUPPORTED");
});

test("entities that XML does not have by itself are refused, as are names of every object", () => {
  for (const name of ["nbsp", "x", "constructor", "__proto__", "toString"])
    refused(`<a>&${name};</a>`, "INPUT_MALFORMED");
  for (const number of ["#0", "#x110000", "#xD800", "#x", "#99999999999999999999"]) {
    refused(`<a b="&${number};"/>`, "INPUT_MALFORMED");
  }
});

test("what is not well-formed is refused with its place, and never repeated", () => {
  for (const text of [
    "",
    "secret",
    "<a>",
    "<a></b>",
    "<a b=1/>",
    '<a b="1" b="2"/>',
    "<a/><secret/>",
    "<a>]]></a>",
    "<a \u0000/>",
  ]) {
    refused(text, "INPUT_MALFORMED");
    assert.ok(!JSON.stringify(refusal(text)).includes("secret"));
  }
  assert.equal(refusal("<a>\n<b></a>").at?.startsWith("MSG, line 2 "), true);
});

test("depth, elements and attributes have limits", () => {
  assert.equal(readXml(Buffer.from("<a>".repeat(16) + "</a>".repeat(16))).name, "a");
  refused("<a>".repeat(17), "INPUT_TOO_LARGE");
  refused("<a>".repeat(300_000), "INPUT_TOO_LARGE");
  refused(`<a>${"<b/>".repeat(10_000)}</a>`, "INPUT_TOO_LARGE");
  refused(`<a ${Array.from({ length: 33 }, (_, i) => `b${i}="x"`).join(" ")}/>`, "INPUT_TOO_LARGE");
});

test("a name is only a name: __proto__ is an attribute like any other", () => {
  const root = readXml(Buffer.from('<a __proto__="x" constructor="y"><__proto__/></a>'));
  assert.deepEqual([...root.attributes.keys()], ["__proto__", "constructor"]);
  assert.equal(root.children[0]?.name, "__proto__");
});

test("encodings that are declared are kept to", () => {
  const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>M\u00fcller</a>', "latin1");
  assert.equal(readXml(latin).text, "M\u00fcller");
  assert.equal(readXml(Buffer.from("<a>M\u00fcller</a>")).text, "M\u00fcller");
  refused(Buffer.from("<a>M\u00fcller</a>", "latin1"), "INPUT_MALFORMED");
  refused('<?xml version="1.0" encoding="UTF-7"?><a/>', "INPUT_UNSUPPORTED");
  refused('<?xml version="1.0" encoding="UTF-16"?><a/>', "INPUT_UNSUPPORTED");
});

test("property: any bytes are read or refused by a known code", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "<a>",
      "</a>",
      "<a b='1'>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<!DOCTYPE a [",
      "&lt;",
      "&x;",
      "<?p ?>",
      "\ufeff",
    ),
    fc.string({ unit: "binary", maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      try {
        readXml(Buffer.from(parts.join("")));
      } catch (error) {
        assert.ok(hasCode(error, "INPUT_MALFORMED", "INPUT_UNSUPPORTED", "INPUT_TOO_LARGE"), String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
