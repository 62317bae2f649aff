/** The names and statements that events have in PROV are pinned, by a document that another implementation wrote. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { story } from "../../testing/story.ts";
import { provDocument } from "./from-events.ts";
import { readProvJson } from "./json-read.ts";
import { provN } from "./prov-n.ts";

test("the hand-made story in bundles is the document that PyPI's prov wrote of it", () => {
  const { document } = JSON.parse(readFileSync(new URL("../golden/prov-1.json", import.meta.url), "utf8"));
  const anchored = story().map((one, i) => {
    const anchor = { batch: `platform:log-0:${i}`, root: one.event.id, block: i, transaction: `tx-${i}` };
    return { ...one, anchor };
  });
  // Statements, and the values within one, have no order.
  const statements = (text: string): string[] =>
    text
      .split("\n")
      .map((line) =>
        line
          .split(/, (?=[^ ]+=)|\[|\]/)
          .sort()
          .join(" "),
      )
      .sort();
  const ours = provDocument(anchored, { bundles: "institution" });
  assert.deepEqual(statements(provN(readProvJson(document))), statements(provN(ours)));
});
