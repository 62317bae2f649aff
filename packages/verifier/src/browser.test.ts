/** The page in a browser: the same verdicts, with the network off. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findChromium, Page } from "./testing/chromium.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const GOLDEN = join(PACKAGE, "src", "golden");
const CAS = ["HospitalAMSP", "HospitalBMSP", "SupervisorMSP"].map((name) =>
  join(GOLDEN, "fabric", "cas", `${name}.pem`),
);
const REPORT = "document.getElementById('report')";
const chromium = findChromium();

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medtrace-page-"));
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  const dist = join(folder, "dist");
  execFileSync(process.execPath, [join(typescript, "bin", "tsc"), "-p", "tsconfig.build.json", "--outDir", dist], {
    cwd: PACKAGE,
  });
  execFileSync(process.execPath, [fileURLToPath(new URL("../browser/build.ts", import.meta.url)), dist], {
    cwd: PACKAGE,
  });
});
after(() => rm(folder, { recursive: true, force: true }));

/** The verdict on a file, and the report that the page shows, in a page of its own. */
async function shown(browser: string, file: string, cas: readonly string[], key = ""): Promise<[string, string]> {
  await using page = await Page.open(browser, pathToFileURL(join(folder, "dist", "verify.html")).href);
  await page.evaluate(`document.getElementById("key").value = ${JSON.stringify(key)}`);
  await page.choose("#cas", cas);
  await page.choose("#file", [file]);
  const verdict = await page.until<string>(`${REPORT}.dataset.verdict`);
  return [verdict, await page.evaluate<string>(`${REPORT}.textContent`)];
}

describe("the page, in a browser without a network", () => {
  it("proves what the command proves, in the same words", async (t) => {
    if (chromium === undefined) return t.diagnostic("left out: no Chromium on PATH");
    const fabric = await shown(chromium, join(GOLDEN, "fabric", "evidence.json"), CAS);
    assert.deepEqual(fabric, ["proven", await readFile(join(GOLDEN, "fabric", "report.txt"), "utf8")]);
    const key = (await readFile(join(GOLDEN, "key.txt"), "utf8")).trim();
    const embedded = await shown(chromium, join(GOLDEN, "evidence.json"), [], key);
    assert.deepEqual(embedded, ["proven", await readFile(join(GOLDEN, "report.txt"), "utf8")]);
  });

  it("refutes a changed file, and cannot tell without the CAs, or with what are none", async (t) => {
    if (chromium === undefined) return t.diagnostic("left out: no Chromium on PATH");
    const text = await readFile(join(GOLDEN, "fabric", "evidence.json"), "utf8");
    const forged = join(folder, "forged.json");
    await writeFile(
      forged,
      text.replace(/("read": ".{3000})(.)/, (_, before: string, c: string) => before + (c === "A" ? "B" : "A")),
    );
    const [refuted] = await shown(chromium, forged, CAS);
    assert.equal(refuted, "refuted");
    const [open, why] = await shown(chromium, join(GOLDEN, "fabric", "evidence.json"), []);
    assert.equal(open, "cannot-tell");
    assert.match(why, /no organisation's CA was given/);
    const [odd, reason] = await shown(chromium, join(GOLDEN, "fabric", "evidence.json"), [join(GOLDEN, "report.txt")]);
    assert.equal(odd, "cannot-tell", reason);
  });
});
