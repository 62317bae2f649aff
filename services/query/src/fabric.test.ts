/** Evidence that query serves of a real channel, proven by the verifier alone: its folder, the CAs, and nothing to ask. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { realEngine } from "@medtrace/engines/testing/real-engines";
import { startStack } from "./testing/stack.ts";

const OWNER = "HospitalAMSP";
const VERIFIER = join(import.meta.dirname, "../../../packages/verifier");
const url = realEngine("ledger");
const record = { id: "hospital-a/DiagnosticReport/1", type: "DiagnosticReport", role: "used" } as const;

interface EvidenceFile {
  readonly events: { event: string }[];
  readonly batches: { owner: string; batch: { root: string; end: number } }[];
  readonly ledger: { readonly anchors: { transaction: string; read: string }[] };
}

/** Runs the verifier as its readers do, in a folder that holds nothing else of the project. */
class Reader implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<Reader> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-reader-"));
    await cp(VERIFIER, join(folder, "verifier"), { recursive: true, filter: (path) => !path.includes("node_modules") });
    return new Reader(folder);
  }

  async verify(text: string, ...trust: readonly string[]): Promise<{ code: number; said: string }> {
    const file = join(this.#folder, "evidence.json");
    await writeFile(file, text);
    const args = [join(this.#folder, "verifier/src/main.ts"), file, ...trust.flatMap((one) => ["--trust", one])];
    return new Promise((resolve) => {
      execFile(process.execPath, args, { env: {} }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const another = (text: string, at: number): string => {
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
};

/** One change each, to what an adversary would change first. */
const FORGERIES: readonly (readonly [string, (file: EvidenceFile) => void])[] = [
  ["event", ({ events: [event] }) => replace(event, "event", (text) => text.replace("success", "major-failure"))],
  [
    "root",
    ({ batches: [one] }) => replace(one?.batch, "root", (root) => root.replace(/./, (c) => (c === "0" ? "1" : "0"))),
  ],
  ["range", ({ batches: [one] }) => Object.assign(one?.batch ?? {}, { end: 1_000 })],
  ["owner", ({ batches: [one] }) => Object.assign(one ?? {}, { owner: "HospitalBMSP" })],
  ["write set", ({ ledger }) => replace(ledger.anchors[0], "transaction", (text) => another(text, text.length >> 1))],
  [
    "endorsement",
    ({ ledger }) => replace(ledger.anchors[0], "transaction", (text) => another(text, text.length - 200)),
  ],
  ["read", ({ ledger }) => replace(ledger.anchors[0], "read", (text) => another(text, text.length >> 1))],
  ["read of another batch", ({ ledger: { anchors } }) => replace(anchors[0], "read", () => anchors[1]?.read ?? "")],
];

function replace<K extends string>(
  holder: Record<K, string> | undefined,
  key: K,
  change: (value: string) => string,
): void {
  assert.ok(holder !== undefined);
  const before = holder[key];
  holder[key] = change(before) as Record<K, string>[K];
  assert.notEqual(holder[key], before);
}

if (url !== undefined) {
  test("evidence that query serves of a channel is proven years later by the organisations' CAs, and by nothing less", async (t) => {
    const identities = process.env["FABRIC_IDENTITIES"] ?? "";
    const logName = `query-${randomBytes(6).toString("hex")}`;
    await using reader = await Reader.create();
    let text = "";
    {
      await using stack = await startStack({ env: { LEDGER_URL: url, LEDGER_OWNER: OWNER }, logName });
      const first = await stack.publish({ name: "one", records: [record] }, { name: "two" });
      const second = await stack.publish({ name: "three", records: [record] });
      const answer = await stack.post("/v1/evidence", { record: record.id });
      assert.equal(answer.status, 200, answer.text);
      text = answer.text;
      const alone = await stack.get(`/v1/events/${first[1]}/evidence`);
      const proven = await reader.verify(alone.text, identities);
      assert.equal(proven.code, 0, proven.said);
      assert.ok(proven.said.includes(first[1] ?? "?") && !proven.said.includes(second[0] ?? "?"));
    }
    // Query, projection, log and keys are gone: what is left is the file, and what the organisations' CAs are.
    const proven = await reader.verify(text, identities);
    assert.equal(proven.code, 0, proven.said);
    assert.match(proven.said, /What was proved, of 2 events/);
    assert.match(proven.said, /that the CA certificates you gave are those of HospitalAMSP, HospitalBMSP, /);
    t.diagnostic(`${text.length} bytes of evidence; ${proven.said.trim().split("\n").at(-1)}`);

    const [none, one] = [await reader.verify(text), await reader.verify(text, `${OWNER}=${identities}/${OWNER}`)];
    assert.deepEqual([none.code, one.code], [2, 2], none.said + one.said);
    for (const [what, forge] of FORGERIES) {
      const file = JSON.parse(text) as EvidenceFile;
      forge(file);
      const { code, said } = await reader.verify(JSON.stringify(file), identities);
      assert.ok(code === 1 || code === 2, `${what}: ${said}`);
      assert.doesNotMatch(said, /^PROVEN/m, what);
    }
  });
}
