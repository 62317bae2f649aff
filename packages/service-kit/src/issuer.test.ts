import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import { openIssuer } from "./issuer.ts";
import { createTokenVerifier } from "./token.ts";

const RULES = { issuer: "urn:test:issuer", audience: "medtrace" };
let data = "";
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "medtrace-issuer-"));
});
afterEach(() => rm(data, { recursive: true }));

const REQUEST = { institution: "hospital-a", scopes: ["trace/lineage.read"], expires_s: 60 };

describe("embedded issuer", () => {
  test("keeps its private key from others, and the public set holds no private part", async () => {
    await openIssuer({ data, ...RULES });
    const names = (await readdir(join(data, "keys"))).sort();
    assert.deepEqual(names, ["issuer.jwk", "jwks.json"]);
    assert.equal((await stat(join(data, "keys", "issuer.jwk"))).mode & 0o777, 0o600);
    const { keys } = JSON.parse(await readFile(join(data, "keys", "jwks.json"), "utf8"));
    assert.deepEqual(Object.keys(keys[0]).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  });

  test("has the same key after it was opened again", async () => {
    const first = await openIssuer({ data, ...RULES });
    const token = await first.issueToken(REQUEST);
    const again = await openIssuer({ data, ...RULES });
    const verifier = createTokenVerifier({ ...RULES, jwks: `file:${again.jwksPath}` });
    assert.equal((await verifier.verify(token)).institution, "hospital-a");
    assert.equal((await verifier.verify(await again.issueToken(REQUEST))).institution, "hospital-a");
  });

  test("processes that make it at once end with one key", async () => {
    const script = `
      import { openIssuer } from ${JSON.stringify(new URL("./issuer.ts", import.meta.url).href)};
      const issuer = await openIssuer({ data: ${JSON.stringify(data)}, issuer: "urn:test:issuer", audience: "medtrace" });
      console.log(await issuer.issueToken({ institution: "i" + process.pid, scopes: [], expires_s: 60 }));
    `;
    const run = promisify(execFile);
    const args = ["--input-type=module-typescript", "-e", script];
    const tokens = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, args)));
    const verifier = createTokenVerifier({ ...RULES, jwks: `file:${join(data, "keys", "jwks.json")}` });
    for (const { stdout } of tokens) assert.match((await verifier.verify(stdout.trim())).institution, /^i\d+$/);
    assert.equal((await readdir(join(data, "keys"))).length, 2);
  });

  test("keeps keys that somebody added to the public set", async () => {
    const { jwksPath } = await openIssuer({ data, ...RULES });
    const added = { kty: "EC", crv: "P-256", kid: "added", x: "AA", y: "AA" };
    await writeFile(jwksPath, JSON.stringify({ keys: [added] }));
    await openIssuer({ data, ...RULES });
    const { keys } = JSON.parse(await readFile(jwksPath, "utf8")) as { keys: { kid: string }[] };
    assert.equal(keys.length, 2);
    assert.equal(keys[0]?.kid, "added");
  });

  test("refuses a private key that others can read", { skip: process.platform === "win32" }, async () => {
    await openIssuer({ data, ...RULES });
    await chmod(join(data, "keys", "issuer.jwk"), 0o644);
    await assert.rejects(openIssuer({ data, ...RULES }), { code: "CONFIGURATION", hint: /chmod 600/ });
  });

  test("says which file is broken", async () => {
    await openIssuer({ data, ...RULES });
    await writeFile(join(data, "keys", "issuer.jwk"), "{");
    await assert.rejects(openIssuer({ data, ...RULES }), {
      code: "CONFIGURATION",
      at: join(data, "keys", "issuer.jwk"),
    });
  });

  test("signs nothing that a verifier would refuse", async () => {
    const issuer = await openIssuer({ data, ...RULES });
    for (const wrong of [
      { institution: "a b" },
      { institution: "" },
      { scopes: ["two words"] },
      { expires_s: 0 },
      { expires_s: Number.NaN },
      { expires_s: 1e12 },
    ]) {
      await assert.rejects(issuer.issueToken({ ...REQUEST, ...wrong }), { code: "INPUT_INVALID" });
    }
  });
});
