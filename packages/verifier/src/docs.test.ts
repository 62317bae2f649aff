/** docs/evidence.md tells how to verify by hand; these tests do what it tells. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { goldenEvidence, type TestEvidence } from "./testing/ledger.ts";
import type { FabricEvidence } from "./testing/network.ts";

const DOCS = new URL("../../../docs/evidence.md", import.meta.url);

const FABRIC = fileURLToPath(new URL("golden/fabric/", import.meta.url));

/** Runs the code of a section of docs/evidence.md, block after block; throws where one fails. */
function byHand(evidence: string, event: number, section = "Verify it by hand"): string {
  const folder = mkdtempSync(join(tmpdir(), "medtrace-by-hand-"));
  try {
    writeFileSync(join(folder, "evidence.json"), evidence);
    const env = { ...process.env, FILE: "evidence.json", N: String(event), CAS: join(FABRIC, "cas") };
    const text =
      readFileSync(DOCS, "utf8")
        .split(/^## /m)
        .find((part) => part.startsWith(`${section}\n`)) ?? "";
    const blocks = [...text.matchAll(/^```(python|sh)\n(.*?)^```$/gms)];
    assert.ok(blocks.length >= 3);
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

describe("verifying Fabric's evidence by hand, as docs/evidence.md tells", () => {
  const section = "Verify Fabric's by hand";
  const text = readFileSync(join(FABRIC, "evidence.json"), "utf8");

  it("proves every event of the golden evidence", (context) => {
    if (!canRun(context)) return;
    for (const [event, place] of ["3 of 7 in log-0", "12 of 12 in log-0", "1 of 1 in log-1"].entries()) {
      const said = byHand(text, event, section);
      assert.equal(said.match(/Verified OK/g)?.length, 4, said);
      assert.ok(said.endsWith(`proven: event ${place}\n`), said);
    }
  });

  it("fails for a changed event, path, root, transaction and read", (context) => {
    if (!canRun(context)) return;
    const file = JSON.parse(text) as FabricEvidence;
    const [{ path, event } = { path: [], event: "" }] = file.events;
    const { transaction = "", read = "" } = file.ledger.anchors[0] ?? {};
    const bytes = (base64: string, at: number): string => {
      const changed = Buffer.from(base64, "base64");
      changed[at] = (changed[at] ?? 0) ^ 1;
      return changed.toString("base64");
    };
    const sizes = [transaction, read].map((one) => Buffer.from(one, "base64").length);
    const changes: [string, string, string][] = [
      ["event", JSON.stringify(event), JSON.stringify(event.replace("hospital-a", "hospital-b"))],
      ["path", path[0] ?? "", (path[0] ?? "").replace(/^./, (digit) => (digit === "0" ? "1" : "0"))],
      ["root", file.batches[0]?.batch.root ?? "", "0".repeat(64)],
      ["a signature of the transaction", transaction, bytes(transaction, (sizes[0] ?? 0) - 90)],
      ["a signature of the read", read, bytes(read, (sizes[1] ?? 0) - 20)],
      ["the creator's second copy", read, bytes(read, 1_500)],
      ["what was read", read, bytes(read, 2_200)],
    ];
    for (const [name, from, to] of changes) {
      const changed = text.replace(from, to);
      assert.notEqual(changed, text, name);
      assert.throws(() => byHand(changed, 0, section), name);
    }
  });
});
