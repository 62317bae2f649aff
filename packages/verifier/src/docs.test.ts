/** docs/evidence.md tells how to verify by hand; these tests do what it tells. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { goldenEvidence, type TestEvidence } from "./testing/ledger.ts";

const DOCS = new URL("../../../docs/evidence.md", import.meta.url);

/** Runs the code of docs/evidence.md, block after block; throws where one fails. */
function byHand(evidence: string, event: number): string {
  const folder = mkdtempSync(join(tmpdir(), "medtrace-by-hand-"));
  try {
    writeFileSync(join(folder, "evidence.json"), evidence);
    const env = { ...process.env, FILE: "evidence.json", N: String(event) };
    const blocks = [...readFileSync(DOCS, "utf8").matchAll(/^```(python|sh)\n(.*?)^```$/gms)];
    assert.equal(blocks.length, 4);
    return blocks
      .map(([, language, code]) =>
        execFileSync(language === "python" ? "python3" : "sh", ["-"], {
          cwd: folder,
          env,
          input: `${language === "sh" ? "set -e\n" : ""}${code}`,
          encoding: "utf8",
          stdio: ["pipe", "pipe", "ignore"],
        }),
      )
      .join("");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** True where this machine has what the steps need; says so where it has not. */
function canRun(context: TestContext): boolean {
  const tools = [
    ["python3", "--version"],
    ["openssl", "version"],
  ] as const;
  const missing = tools.find(
    ([tool, flag]) => !/^(Python|OpenSSL) 3/.test(spawnSync(tool, [flag]).stdout?.toString() ?? ""),
  );
  if (missing !== undefined) context.diagnostic(`not run: this machine has no ${missing[0]} 3`);
  if (!existsSync(DOCS)) context.diagnostic("not run: the docs are not beside this package");
  return missing === undefined && existsSync(DOCS);
}

describe("verifying by hand, as docs/evidence.md tells", () => {
  it("proves every event of the golden evidence", (context) => {
    if (!canRun(context)) return;
    const { text } = goldenEvidence();
    for (const [event, place] of ["3 of 7 in log-0", "12 of 12 in log-0", "1 of 1 in log-1"].entries()) {
      const said = byHand(text, event);
      assert.match(said, /Signature Verified Successfully/);
      assert.ok(said.endsWith(`proven: event ${place} of ledger.example/region\n`), said);
    }
  });

  it("fails for a changed event, path, root, block, checkpoint and signature", (context) => {
    if (!canRun(context)) return;
    const { text } = goldenEvidence();
    const [path = ""] = (JSON.parse(text) as TestEvidence).events[0]?.path ?? [];
    const changes: [string, string | RegExp, string][] = [
      ["event", "hospital-a", "hospital-b"],
      ["path", path, path.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))],
      ["root", /(\n {8}"root": ")[0-9a-f]{64}/, `$1${"0".repeat(64)}`],
      ["block", '"block": "{', '"block": "{ '],
      ["checkpoint", "\\n5\\n", "\\n6\\n"],
      ["signature", /.(.{6}\\n",\n {4}"key")/, "A$1"],
    ];
    for (const [name, from, to] of changes) {
      const changed = text.replace(from, to);
      assert.notEqual(changed, text, name);
      assert.throws(() => byHand(changed, 0), name);
    }
  });
});
