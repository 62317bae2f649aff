/** `medtrace verify` of Fabric's evidence: the same folder of the verifier that its readers get. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ran, run } from "../testing/terminal.ts";
import { addVerify } from "./verify.ts";

const GOLDEN = fileURLToPath(new URL("../../../verifier/src/golden/fabric", import.meta.url));
const FILE = join(GOLDEN, "evidence.json");
const CAS = join(GOLDEN, "cas");
const folder = await mkdtemp(join(tmpdir(), "medtrace-verify-"));
after(() => rm(folder, { recursive: true, force: true }));

const verify = (...args: string[]): Promise<Ran> => run(["verify", ...args], [addVerify], {});

describe("evidence of Fabric", () => {
  test("is proven by the organisations' CAs, however they are named", async () => {
    const { code, out } = await verify(FILE, "--trust", CAS);
    assert.deepEqual([code, out], [0, await readFile(join(GOLDEN, "report.txt"), "utf8")]);
    const names = ["HospitalAMSP", "HospitalBMSP", "SupervisorMSP"];
    const paths = names.flatMap((name) => ["--trust", join(CAS, `${name}.pem`)]);
    assert.equal((await verify(FILE, ...paths, "--require-trust")).code, 0);
    const bundle = join(folder, "all.pem");
    const texts = await Promise.all(
      names.map(async (name) => `MSP: ${name}\n${await readFile(join(CAS, `${name}.pem`), "utf8")}`),
    );
    await writeFile(bundle, texts.join("\n"));
    const told = await verify(FILE, "--trust", bundle, "--json");
    assert.deepEqual([told.code, JSON.parse(told.out).fabric.organisations], [0, names]);
  });

  test("cannot be told without a CA, or with one of them: 2, and the report names what is missing", async () => {
    const none = await verify(FILE);
    assert.equal(none.code, 2);
    assert.match(none.out, /^CANNOT TELL[\s\S]*no organisation's CA was given/);
    const one = await verify(FILE, "--trust", `HospitalAMSP=${join(CAS, "HospitalAMSP.pem")}`);
    assert.equal(one.code, 2);
    assert.match(one.out, /no CA of "SupervisorMSP" was given/);
  });

  test("is refuted once it was changed: 1, and the report names what", async () => {
    const path = join(folder, "forged.json");
    const text = await readFile(FILE, "utf8");
    await writeFile(
      path,
      text.replace(/"root": "./, (start) => start.replace(/.$/, (c) => (c === "0" ? "1" : "0"))),
    );
    const { code, out } = await verify(path, "--trust", CAS);
    assert.equal(code, 1);
    assert.match(out, /^REFUTED[\s\S]*batches\[0\]\.batch\.root: not what the transaction anchored/);
  });

  test("says what is wrong with what was given as trust: 2", async () => {
    await writeFile(join(folder, "key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    const key = await verify(FILE, "--trust", join(folder, "key.pem"));
    assert.deepEqual([key.code, key.out], [2, ""]);
    assert.match(key.err, /holds no certificate in PEM \(.*key\.pem\)/);
    const missing = await verify(FILE, "--trust", `HospitalAMSP=${join(folder, "missing")}`);
    assert.equal(missing.code, 2);
    assert.match(missing.err, /there is no such file or folder \(.*missing\)/);
  });
});
