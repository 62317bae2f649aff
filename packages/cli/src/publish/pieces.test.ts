import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { hl7Pieces, ndjsonPieces, type Piece } from "./pieces.ts";

const folder = await mkdtemp(join(tmpdir(), "medtrace-pieces-"));
after(() => rm(folder, { recursive: true }));

async function cut(content: string, how: typeof hl7Pieces, pieceBytes: number) {
  const path = join(folder, "file");
  await writeFile(path, content);
  const pieces: Piece[] = [];
  for await (const piece of how(path, pieceBytes)) pieces.push(piece);
  return pieces.map(({ bytes, first }) => ({ text: Buffer.from(bytes).toString("utf8"), first }));
}

const line = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replace(/[\r\n\v]/g, " "));
const message = fc
  .array(line, { maxLength: 4 })
  .map((lines) => ["MSH|^~\\&|MSH", ...lines.map((l) => `OBX|${l}`)].join("\r"));
const size = fc.integer({ min: 1, max: 200 });

describe("pieces of files", () => {
  test("NDJSON is cut at line ends; nothing is lost, and lines keep their numbers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 30 }),
        fc.constantFrom("\n", "\r\n"),
        size,
        async (lines, end, bytes) => {
          const content = lines.join(end);
          const pieces = await cut(content, ndjsonPieces, bytes);
          assert.equal(pieces.map(({ text }) => text).join(""), content);
          for (const { text, first } of pieces) {
            const before = content
              .split("\n")
              .slice(0, first - 1)
              .join("\n").length;
            assert.equal(content.startsWith(text, first === 1 ? 0 : before + 1), true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("HL7 v2 is cut before messages; nothing is lost, and messages keep their numbers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 12 }),
        fc.constantFrom("\r", "\n", "\r\n\r\n", "\x1c\r\v"),
        size,
        async (messages, end, bytes) => {
          const content = (end.endsWith("\v") ? "\v" : "") + messages.map((text) => text + end).join("");
          const pieces = await cut(content, hl7Pieces, bytes);
          assert.equal(pieces.map(({ text }) => text).join(""), content);
          let number = 1;
          for (const { text, first } of pieces) {
            assert.match(text, /^\v?MSH/);
            assert.equal(first, number);
            number += text.match(/(?:^|[\r\n\v])MSH/g)?.length ?? 0;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a file that fits is one piece, its batch envelope with it", async () => {
    const content = "FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rMSH|^~\\&|B\rBTS|2\rFTS|1\r";
    assert.deepEqual(await cut(content, hl7Pieces, 10_000), [{ text: content, first: 1 }]);
  });

  test("an empty file has none", async () => {
    assert.deepEqual(await cut("", ndjsonPieces, 100), []);
  });
});
