import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { acceptedFormat } from "./formats.ts";

test("the form with the highest weight is given, and the more specific range decides a form's weight", () => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, "json"],
    ["", "json"],
    ["*/*", "json"],
    ["text/turtle", "turtle"],
    ["text/turtle;q=0.5, application/ld+json", "json-ld"],
    ["text/turtle;q=0.5, application/ld+json;q=0.4, */*;q=0.1", "turtle"],
    ["application/*, application/json;q=0", "prov-json"],
    ["text/*;q=0.9, text/provenance-notation;q=0.2", "turtle"],
    ["application/provenance+xml; charset=utf-8; q=1.000", "prov-xml"],
    ["TEXT/Turtle ; Q=0.7", "turtle"],
    ["application/trig, application/ld+json", "trig"],
    ["text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "json"],
    ["text/turtle;q=2", "turtle"],
  ];
  for (const [accept, format] of cases) assert.equal(acceptedFormat(accept), format, accept);
});

test("a caller that takes no form is told so, as is one that refuses each", () => {
  for (const accept of ["image/png", "*/*;q=0", "text/turtle;q=0", ",;,", "a".repeat(10_000)]) {
    assert.throws(
      () => acceptedFormat(accept),
      (error: unknown) => hasCode(error, "FORM_UNSUPPORTED"),
      accept.slice(0, 20),
    );
  }
});
