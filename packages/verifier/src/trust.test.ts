import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readTrust } from "./files.ts";
import type { Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const GOLDEN = fileURLToPath(new URL("golden/fabric", import.meta.url));
const NAMES = ["HospitalAMSP", "HospitalBMSP", "SupervisorMSP"];
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medtrace-trust-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const ca = (name: string): Promise<string> => readFile(join(GOLDEN, "cas", `${name}.pem`), "utf8");

async function verdictBy(...given: string[]): Promise<Verdict> {
  const trust = (await Promise.all(given.map(readTrust))).flat();
  return verifyEvidence(await readFile(join(GOLDEN, "evidence.json")), { trust });
}

describe("the CAs that a reader trusts", () => {
  it("are named by files, by paths, by folders of MSPs, by lines in one file, or in JSON", async () => {
    const all = await Promise.all(NAMES.map(ca));
    const bundle = join(folder, "bundle.pem");
    await writeFile(bundle, NAMES.map((name, i) => `MSP: ${name}\r\n${all[i]?.replaceAll("\n", "\r\n")}`).join("\r\n"));
    const msps = join(folder, "msps");
    for (const [i, name] of NAMES.entries()) {
      const within = ["cacerts", "", "intermediatecerts"][i] ?? "";
      await mkdir(join(msps, name, within), { recursive: true });
      await writeFile(join(msps, name, within, "ca.pem"), all[i] ?? "");
      // What is no CA's is left alone: an MSP folder has keys and its owner's certificate as well.
      await mkdir(join(msps, name, "keystore"));
      await writeFile(join(msps, name, "keystore", "key.pem"), "-----BEGIN PRIVATE KEY-----\n");
    }
    const organisations = Object.fromEntries(NAMES.map((name, i) => [name, { roots: [all[i]], intermediates: [] }]));
    const json = join(folder, "trust.json");
    await writeFile(json, `\n${JSON.stringify({ channel: "medtrace", chaincode: "medtrace", organisations })}\n`);
    const ways = [
      [join(GOLDEN, "cas")],
      NAMES.map((name) => join(GOLDEN, "cas", `${name}.pem`)),
      NAMES.map((name) => `${name}=${join(msps, name)}`),
      [msps],
      [bundle],
      [json],
      [join(GOLDEN, "cas"), bundle, json],
    ];
    for (const way of ways) {
      const verdict = await verdictBy(...way);
      assert.equal(verdict.verdict, "proven", `${way}: ${verdict.reasons}`);
    }
  });

  it("are counted since they joined, and where they endorsed", async () => {
    const later = join(folder, "later.pem");
    const since = "since 2099-01-01T00:00:00Z";
    await writeFile(later, `MSP: HospitalBMSP ${since}\n${await ca("HospitalBMSP")}`);
    const others = ["HospitalAMSP", "SupervisorMSP"].map((name) => join(GOLDEN, "cas", `${name}.pem`));
    assert.equal((await verdictBy(...others, later)).verdict, "proven");
    const [fourth, fifth, sixth] = NAMES.map((_, i) => join(folder, `later-${i}.pem`));
    for (const [i, path] of [fourth, fifth, sixth].entries()) {
      await writeFile(path ?? "", `MSP: Later${i} ${since}\n${await ca("HospitalBMSP")}`);
    }
    const joined = [fourth, fifth, sixth].map((path) => path ?? "");
    assert.equal((await verdictBy(...others, later, ...joined)).verdict, "cannot-tell");
    for (const path of joined) await writeFile(path, (await readFile(path, "utf8")).replace(` ${since}`, ""));
    const verdict = await verdictBy(...others, later, ...joined);
    assert.match(verdict.reasons.join(), /2 of 5 organisations endorsed it, which is no majority/);
  });

  it("cannot be told where they are no certificates, not CAs', or nobody's", async () => {
    const odd = {
      "empty.pem": "",
      "MSP.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      "what is this.pem": await ca("HospitalAMSP"),
      "shape.json": '{"organisations":{"A":{"roots":[]}}}',
      "more.json": '{"organisations":{},"comment":"x"}',
      "none.json": '{"organisations":{"A":{"roots":[],"intermediates":[]}}}',
    };
    for (const [name, text] of Object.entries(odd)) {
      await writeFile(join(folder, name), text);
      const told = await verdictBy(join(GOLDEN, "cas"), join(folder, name)).then(
        ({ verdict, reasons }) => [verdict, reasons.length],
        (error: Error & { outcome?: string }) => [error.outcome, 1],
      );
      assert.deepEqual(told, ["cannot-tell", 1], name);
    }
    await mkdir(join(folder, "nothing"));
    await assert.rejects(readTrust(join(folder, "nothing")), /holds no CA certificates/);
    await assert.rejects(readTrust(join(folder, "missing.pem")), { code: "ENOENT" });
    await writeFile(join(folder, "large.pem"), "x".repeat(1_100_000));
    await assert.rejects(readTrust(join(folder, "large.pem")), /over 1048576 bytes/);
  });
});
