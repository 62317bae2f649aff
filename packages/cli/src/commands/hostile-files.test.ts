/** Files that nobody should have: every command says what is wrong with them, and ends. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sample } from "@medtrace/verifier/testing/ledger";
import { startTestIngest, type TestIngest } from "../testing/ingest.ts";
import { jsonLines, run } from "../testing/terminal.ts";
import { addPublish } from "./publish.ts";
import { addVerify } from "./verify.ts";

const folder = await mkdtemp(join(tmpdir(), "medtrace-hostile-"));
let ingest: TestIngest;
before(async () => {
  ingest = await startTestIngest();
});
after(async () => {
  await ingest[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const ADT = "MSH|^~\\&|PAS|HOSPA|EHR|HOSPA|20260301080000+0100||ADT^A01|F1|P|2.5.1\rPID|1||P1^^^HOSPA^MR\r";

describe("medtrace verify", () => {
  const verify = (path: string) => run(["verify", path], [addVerify], {});

  test("cannot tell of anything that is no evidence, whatever its bytes: 2", async () => {
    const contents: readonly (string | Buffer)[] = [
      "",
      "\0".repeat(1_000),
      "\ufeff{}",
      Buffer.from("{}", "utf16le"),
      Buffer.of(0x7b, 0xff, 0x7d),
      "[".repeat(1_000_000),
      '{"a":'.repeat(1_000_000),
      '{"format":NaN}',
      '{"format":Infinity}',
      '{"__proto__":{"format":"medtrace-evidence/1"}}',
      '{"constructor":{"name":"x"}}',
      `{"format":"${"x".repeat(10_000_000)}"}`,
      '{"format":"medtrace-evidence/2"}',
      "null",
    ];
    for (const content of contents) {
      await writeFile(at("file"), content);
      const { code, out } = await verify(at("file"));
      assert.deepEqual([code, out.slice(0, 11)], [2, "CANNOT TELL"], String(content).slice(0, 50));
      assert.ok(out.length < 5_000, "repeats the file");
    }
  });

  test("refutes evidence that can be read in two ways, or holds what is no number: 1", async () => {
    const text = JSON.stringify(sample().evidence);
    const altered = [
      text.replace('{"format"', '{"format":"medtrace-evidence/1","format"'),
      text.replace('{"format"', '{"\\u0066ormat":"medtrace-evidence/1","format"'),
      text.replace(/"events":\[/, '"events":[1e999,'),
      text.replace(/"events":\[/, '"events":[-0,'),
      text.replace(/"events":\[/, '"__proto__":{},"events":['),
    ];
    for (const content of altered) {
      assert.notEqual(content, text);
      await writeFile(at("file"), content);
      const { code, out } = await verify(at("file"));
      assert.deepEqual([code, out.slice(0, 7)], [1, "REFUTED"], content.slice(0, 80));
    }
  });

  test("what is no file, is missing, or never ends: 2, naming it", async () => {
    await symlink(at("circle-b"), at("circle-a"));
    await symlink(at("circle-a"), at("circle-b"));
    const large = await open(at("large"), "w");
    await large.truncate(5 * 2 ** 30);
    await large.close();
    const wrong: readonly [path: string, says: RegExp][] = [
      [at("circle-a"), /links lead round in a circle/],
      [at("missing"), /no such file/],
      [folder, /this is a folder/],
      [at("large"), /larger than 67108864 bytes/],
      ["/dev/zero", /larger than 67108864 bytes/],
      [`${at("x")}${"y".repeat(300)}`, /name is too long/],
    ];
    for (const [path, says] of wrong) {
      const { code, out, err } = await verify(path);
      assert.deepEqual([code, out], [2, ""], path);
      assert.match(err, says);
      assert.ok(err.includes(path), err);
    }
  });
});

describe("medtrace publish", () => {
  const publish = (...args: string[]) => run(["publish", ...args], [addPublish], ingest.env);

  test("goes past what cannot be read and tells of it, is not held up by pipes, and walks in no circle", async () => {
    const files = at("files");
    await mkdir(join(files, "deep"), { recursive: true });
    await writeFile(join(files, "a.hl7"), ADT);
    await copyFile(join(files, "a.hl7"), join(files, "deep", "z.hl7"));
    await symlink(join(files, "nowhere"), join(files, "broken"));
    await symlink(files, join(files, "deep", "up"));
    await symlink("/dev/zero", join(files, "endless"));
    if (process.platform !== "win32") execFileSync("mkfifo", [join(files, "pipe")]);
    const { code, out, err } = await publish(files, "--json");
    assert.deepEqual([code, err], [1, ""]);
    const told = jsonLines(out).map(({ file, accepted, duplicate, refusals }) => [
      String(file ?? "").slice(files.length + 1),
      accepted,
      duplicate,
      (refusals as { message: string }[] | undefined)?.map(({ message }) => message),
    ]);
    assert.deepEqual(told, [
      ["a.hl7", 1, 0, []],
      ["broken", 0, 0, ["there is no such file or folder"]],
      [join("deep", "z.hl7"), 0, 1, []],
      ["", undefined, undefined, undefined],
    ]);
    assert.equal((await publish(join(files, "pipe"))).code, 2);
  });

  test("lets no file name steer the terminal", async () => {
    const files = at("named");
    await mkdir(files);
    await writeFile(join(files, "a\u001b[2J\nb\u202e.json"), "{}");
    const { code, out } = await publish(files);
    assert.equal(code, 1);
    assert.ok(out.includes("a\\u{1b}[2J\\u{a}b\\u{202e}.json"), out);
    const missing = await publish(join(files, "\u001b]0;x\u0007"));
    assert.equal(missing.code, 2);
    assert.match(missing.err, /^medtrace: [^\p{Cc}]+\n$/u);
  });

  test("files of all depths and sizes are refused one by one", async () => {
    const files = at("odd");
    await mkdir(files);
    await writeFile(join(files, "a-deep.json"), `{"resourceType":"AuditEvent","x":${"[".repeat(1_000_000)}`);
    await writeFile(join(files, "b-nan.json"), '{"resourceType":"AuditEvent","x":NaN}');
    await writeFile(join(files, "c-proto.json"), '{"resourceType":"AuditEvent","__proto__":{"x":1}}');
    await writeFile(join(files, "d-long.json"), `{"resourceType":"AuditEvent","x":"${"x".repeat(34_000_000)}"}`);
    await writeFile(join(files, "e-line.ndjson"), `{"resourceType":"AuditEvent"}\n{"x":"${"x".repeat(34_000_000)}`);
    await writeFile(join(files, "f-zeros"), Buffer.alloc(10_000));
    const { code, out } = await publish(files, "--json");
    assert.equal(code, 1);
    const codes = jsonLines(out).map(({ refused, refusals }) => [
      refused,
      (refusals as { code: string }[])?.at(-1)?.code,
    ]);
    assert.deepEqual(codes, [
      [1, "INPUT_MALFORMED"],
      [1, "INPUT_MALFORMED"],
      [1, "INPUT_MALFORMED"],
      [1, "INPUT_TOO_LARGE"],
      [2, "INPUT_TOO_LARGE"],
      [1, "INPUT_UNSUPPORTED"],
      [undefined, undefined],
    ]);
  });
});
