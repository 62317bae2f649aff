import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { exitCode, reportText } from "./report.ts";
import { goldenEvidence, NoteKey } from "./testing/ledger.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const GOLDEN = join(PACKAGE, "src", "golden");
/** Of the command line. */
const NODE = ["main.ts", "files.ts"];
const BUILD = new URL("../browser/build.ts", import.meta.url);
const golden = (name: string): Promise<string> => readFile(join(GOLDEN, name), "utf8");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function node(cwd: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const verify = (...args: readonly string[]): Promise<Ran> => node(PACKAGE, "src/main.ts", ...args);

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medtrace-verifier-"));
});
after(() => rm(folder, { recursive: true, force: true }));

describe("golden evidence", () => {
  it("is what it was, and its report says what it said", async () => {
    const { text, key } = goldenEvidence();
    assert.equal(await golden("evidence.json"), text);
    assert.equal(await golden("key.txt"), `${key}\n`);
    const verdict = await verifyEvidence(text, { trust: [key] });
    assert.equal(verdict.verdict, "proven");
    assert.equal(reportText(verdict), await golden("report.txt"));
  });
});

describe("the command", () => {
  it("exits 0 and reports where evidence is proven, with the key as text or as a file", async () => {
    const key = (await golden("key.txt")).trim();
    for (const trust of [key, join(GOLDEN, "key.txt")]) {
      const ran = await verify("src/golden/evidence.json", "--trust", trust, "--require-trust");
      assert.equal(ran.code, 0);
      assert.equal(ran.stdout, await golden("report.txt"));
    }
  });

  it("exits 1 where evidence is refuted, and --json holds the verdict", async () => {
    const file = join(folder, "forged.json");
    await writeFile(file, (await golden("evidence.json")).replace("hospital-a", "hospital-b"));
    const ran = await verify(file, "--json");
    assert.equal(ran.code, 1);
    const verdict = JSON.parse(ran.stdout) as Verdict;
    assert.equal(verdict.verdict, "refuted");
    assert.match(verdict.reasons[0] ?? "", /^events\[0\]/);
    assert.deepEqual(verdict.proved, []);
    const pinned = await verify("src/golden/evidence.json", "--trust", new NoteKey("ledger.example/region", "x").vkey);
    assert.equal(pinned.code, 1);
  });

  it("exits 2 where it cannot tell: no trust, no file, no evidence, a folder, a file of 200 MB, wrong usage", async () => {
    const large = join(folder, "large");
    await writeFile(large, "");
    await truncate(large, 200_000_000);
    const calls = [
      ["src/golden/evidence.json", "--require-trust"],
      ["no-such-file.json"],
      ["package.json"],
      ["src"],
      [large],
      [],
      ["--unknown"],
      ["src/golden/evidence.json", "--trust", "no-such-key-file"],
    ];
    for (const call of calls) assert.equal((await verify(...call)).code, 2, call.join(" "));
  });
});

describe("a folder with the verifier alone", () => {
  it("verifies on another machine: nothing else of the project is there", async () => {
    const alone = join(folder, "alone");
    await cp(PACKAGE, alone, { recursive: true, filter: (path) => !/node_modules|dist$/.test(path) });
    const ran = await node(alone, "src/main.ts", "src/golden/evidence.json", "--trust", "src/golden/key.txt");
    assert.equal(ran.stderr, "");
    assert.equal(ran.code, 0);
  });

  it("imports nothing but its own files, and Node's modules in main.ts and files.ts alone", async () => {
    for (const name of await readdir(join(PACKAGE, "src"))) {
      if (!name.endsWith(".ts") || name.endsWith(".test.ts") || NODE.includes(name)) continue;
      const text = await readFile(join(PACKAGE, "src", name), "utf8");
      assert.doesNotMatch(text, /from "(?!\.\/[a-z]+\.ts")|import\(|\bBuffer\b|\bprocess\.|\brequire\b/, name);
    }
  });
});

describe("the build", () => {
  it("emits plain modules that need no Node but for the command, and one page that holds them all", async () => {
    const dist = join(folder, "dist");
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
    const built = await node(PACKAGE, join(typescript, "bin", "tsc"), "-p", "tsconfig.build.json", "--outDir", dist);
    assert.equal(built.stdout, "");
    assert.equal((await node(PACKAGE, fileURLToPath(BUILD), dist)).stderr, "");
    const emitted = (await readdir(dist)).filter(
      (name) => name.endsWith(".js") && !NODE.includes(name.replace(".js", ".ts")),
    );
    assert.ok(emitted.includes("verify.js"));
    for (const name of emitted) assert.doesNotMatch(await readFile(join(dist, name), "utf8"), /node:|\.ts"/, name);
    const { verifyEvidence: emittedVerify } = (await import(pathToFileURL(join(dist, "verify.js")).href)) as {
      verifyEvidence: typeof verifyEvidence;
    };
    assert.equal((await emittedVerify(await golden("evidence.json"))).verdict, "proven");
    const page = await readFile(join(dist, "verify.html"), "utf8");
    const script = /<script type="module">(.*?)const file = /s.exec(page)?.[1] ?? "";
    const inPage = new Function(`${script}; return modules.verify;`)() as { verifyEvidence: typeof verifyEvidence };
    assert.equal((await inPage.verifyEvidence(await golden("evidence.json"))).verdict, "proven");
  });
});

describe("words for a reader", () => {
  it("spells out characters of the file that could pose as the report's own", async () => {
    const { text } = goldenEvidence();
    const evil = text.replace(/"key": "[^"]*"/, `"key": "\\u001b[2J\\u202eneverp PROVEN\\nPROVEN"`);
    const verdict = await verifyEvidence(evil, { trust: ["\u001b[2J"] });
    assert.equal(exitCode(verdict), 1);
    assert.doesNotMatch(reportText(verdict), /[^\P{C}\n]/u);
  });
});
