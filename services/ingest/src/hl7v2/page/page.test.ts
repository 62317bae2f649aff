import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { CHAPTERS, EXCHANGES, ruleFor } from "../map/table.ts";
import { mappingPage } from "./page.ts";

const ROOT = join(import.meta.dirname, "../../../../..");
const RULES = Object.values(CHAPTERS).flat();

test("docs/hl7v2.md is what the table says; `npm run docs` writes it anew", () => {
  assert.equal(readFileSync(join(ROOT, "docs/hl7v2.md"), "utf8"), mappingPage());
});

test("the row that the page shows is one of the table's", () => {
  const shown = /```ts\n([\s\S]*?)```/.exec(mappingPage())?.[1] ?? "";
  const row = ruleFor("MDM", "T11");
  assert.ok(row);
  for (const part of [`on: "${row.on}"`, `what: "${row.what}"`, `kind: "${row.kind}"`]) assert.ok(shown.includes(part));
});

test("no message has two rows, and none that has one is listed as having none", () => {
  const triggers = RULES.flatMap(({ on }) => on.split(" "));
  assert.deepEqual(
    triggers.filter((trigger, at) => triggers.indexOf(trigger) !== at),
    [],
  );
  assert.deepEqual(
    EXCHANGES.filter((type) => triggers.includes(type)),
    [],
  );
});

test("every event of ADT that HL7 table 0003 has is one of the table's", () => {
  // A19 is a query; A56 to A59 were never given out.
  const events = Array.from({ length: 62 }, (_, i) => `A${String(i + 1).padStart(2, "0")}`);
  const unmapped = events.filter((event) => ruleFor("ADT", event) === undefined);
  assert.deepEqual(unmapped, ["A19", "A56", "A57", "A58", "A59"]);
});
