import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { requireBearer } from "./bearer.ts";
import { openIssuer } from "./issuer.ts";
import { createLogger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createServer } from "./server.ts";
import { createTokenVerifier } from "./token.ts";

const RULES = { issuer: "urn:test:issuer", audience: "medtrace" };
const data = await mkdtemp(join(tmpdir(), "medtrace-bearer-"));
const issuer = await openIssuer({ data, ...RULES });
const jwks = `file:${issuer.jwksPath}`;
const other = await generateKeyPair("ES256", { extractable: true });
const known = await generateKeyPair("ES256", { extractable: true });
const rsa = await generateKeyPair("PS256", { extractable: true });

const log = createLogger({ name: "test", level: "silent" });
const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });

before(async () => {
  const set = JSON.parse(await readFile(issuer.jwksPath, "utf8")) as { keys: object[] };
  const ec = { ...(await exportJWK(known.publicKey)), kid: "known", alg: "ES256", use: "sig" };
  const ps = { ...(await exportJWK(rsa.publicKey)), kid: "rsa", alg: "PS256", use: "sig" };
  await writeFile(issuer.jwksPath, JSON.stringify({ keys: [...set.keys, ec, ps] }));
  requireBearer(app, createTokenVerifier({ ...RULES, jwks }));
  app.get("/open", { config: { public: true } }, async (request) => {
    try {
      return { caller: request.caller.institution };
    } catch {
      return { caller: null };
    }
  });
  app.get("/any", async (request) => ({ ...request.caller, scopes: [...request.caller.scopes] }));
  app.get("/read", { config: { scope: "trace/lineage.read" } }, async () => ({ read: true }));
  await app.ready();
});

after(async () => {
  await app.close();
  await rm(data, { recursive: true });
});

const now_s = Math.floor(Date.now() / 1_000);
const CLAIMS = { institution: "hospital-a", scope: "trace/lineage.read trace/events.write", sub: "nurse-7" };

function draft(claims: object = CLAIMS, header: object = {}): SignJWT {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "known", ...header })
    .setIssuer(RULES.issuer)
    .setAudience(RULES.audience)
    .setIssuedAt()
    .setExpirationTime(now_s + 300);
}

async function ask(token: string | undefined, url = "/read", scheme = "Bearer ") {
  const answer = await app.inject({ url, headers: token === undefined ? {} : { authorization: scheme + token } });
  return { status: answer.statusCode, challenge: answer.headers["www-authenticate"], body: answer.json() };
}

async function refusal(token: string): Promise<string> {
  const { status, challenge, body } = await ask(token);
  assert.equal(status, 401);
  assert.match(String(challenge), /^Bearer error="invalid_(token|request)"/);
  for (const piece of token.split(".").filter((text) => text.length > 8)) {
    assert.ok(!JSON.stringify([challenge, body]).includes(piece), "the answer repeats a part of the token");
  }
  return String(body.detail);
}

describe("bearer tokens", () => {
  test("a valid token names institution, subject and scopes", async () => {
    const { status, body } = await ask(await draft().sign(known.privateKey), "/any");
    assert.equal(status, 200);
    assert.deepEqual(body, {
      institution: "hospital-a",
      subject: "nurse-7",
      scopes: ["trace/lineage.read", "trace/events.write"],
    });
  });

  test("a token of the embedded issuer is taken, and again from memory", async () => {
    const token = await issuer.issueToken({ institution: "lab-c", scopes: ["trace/lineage.read"], expires_s: 60 });
    assert.equal((await ask(token)).status, 200);
    assert.equal((await ask(token)).status, 200);
    assert.equal((await ask(token, "/any")).body.subject, "lab-c");
  });

  test("RSA-PSS is taken too", async () => {
    const token = await draft(CLAIMS, { alg: "PS256", kid: "rsa" }).sign(rsa.privateKey);
    assert.equal((await ask(token)).status, 200);
  });

  test("without a token: 401 and a challenge without an error code", async () => {
    const { status, challenge, body } = await ask(undefined);
    assert.deepEqual([status, challenge, body.code], [401, "Bearer", "UNAUTHENTICATED"]);
  });

  test("a route that says nothing needs a token; only a public one does not", async () => {
    assert.equal((await ask(undefined, "/any")).status, 401);
    assert.deepEqual((await ask(undefined, "/open")).body, { caller: null });
    assert.equal((await ask(undefined, "/livez")).status, 200);
    assert.equal((await ask(undefined, "/nothing-here")).status, 404);
  });

  test("a public route knows no caller even where a token came along", async () => {
    assert.deepEqual((await ask(await draft().sign(known.privateKey), "/open")).body, { caller: null });
  });

  test("a missing scope: 403 that names it", async () => {
    for (const scope of ["trace/events.write", "", "trace/lineage.read.more", "trace/lineage"]) {
      const { status, challenge, body } = await ask(await draft({ ...CLAIMS, scope }).sign(known.privateKey));
      assert.equal(status, 403);
      assert.equal(challenge, 'Bearer error="insufficient_scope", scope="trace/lineage.read"');
      assert.match(body.detail, /trace\/lineage\.read/);
    }
  });

  test("scopes of one caller are not those of another with a remembered token", async () => {
    const reader = await draft().sign(known.privateKey);
    const writer = await draft({ ...CLAIMS, scope: "trace/events.write" }).sign(known.privateKey);
    for (const [token, status] of [
      [reader, 200],
      [writer, 403],
      [reader, 200],
      [writer, 403],
    ] as const) {
      assert.equal((await ask(token)).status, status);
    }
  });

  test("an expired token is refused, also where it was taken before", async () => {
    assert.match(
      await refusal(
        await draft()
          .setExpirationTime(now_s - 60)
          .sign(known.privateKey),
      ),
      /expired/,
    );
    // Within the tolerance it is taken, but not remembered.
    const late = await draft()
      .setExpirationTime(now_s - 5)
      .sign(known.privateKey);
    assert.equal((await ask(late)).status, 200);
  });

  test("a token without an end, or not valid yet, is refused", async () => {
    const endless = new SignJWT(CLAIMS).setProtectedHeader({ alg: "ES256", kid: "known" });
    const signed = await endless.setIssuer(RULES.issuer).setAudience(RULES.audience).sign(known.privateKey);
    assert.match(await refusal(signed), /expires/);
    assert.match(
      await refusal(
        await draft()
          .setNotBefore(now_s + 120)
          .sign(known.privateKey),
      ),
      /not valid yet/,
    );
    assert.match(await refusal(await draft({ ...CLAIMS, nbf: "soon" }).sign(known.privateKey)), /not valid yet|claim/);
  });

  test("a token for another audience, or from another issuer, is refused", async () => {
    assert.match(await refusal(await draft().setAudience("billing").sign(known.privateKey)), /audience/);
    assert.match(await refusal(await draft().setIssuer("urn:evil").sign(known.privateKey)), /issuer/);
    assert.equal((await ask(await draft().setAudience(["billing", "medtrace"]).sign(known.privateKey))).status, 200);
  });

  test("HS256 signed with the public key is refused", async () => {
    const pem = await exportSPKI(known.publicKey);
    const jwk = JSON.stringify(await exportJWK(known.publicKey));
    for (const secret of [pem, pem.trim(), jwk, await readFile(issuer.jwksPath, "utf8")]) {
      const head = base64url({ alg: "HS256", kid: "known" });
      const body = base64url({ ...CLAIMS, iss: RULES.issuer, aud: RULES.audience, exp: now_s + 300 });
      const mac = createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url");
      assert.match(await refusal(`${head}.${body}.${mac}`), /algorithm/);
    }
  });

  test("alg none is refused, in every spelling", async () => {
    const unsecured = new UnsecuredJWT(CLAIMS)
      .setIssuer(RULES.issuer)
      .setAudience(RULES.audience)
      .setExpirationTime("5m");
    const [, body] = unsecured.encode().split(".");
    for (const alg of ["none", "None", "NONE", "nOnE"]) {
      assert.match(await refusal(`${base64url({ alg })}.${body}.AAAA`), /algorithm/);
    }
    // With an empty signature it is not even a bearer token of three parts.
    assert.equal((await ask(unsecured.encode())).status, 401);
  });

  test("a key that is not the issuer's is refused, under its own kid, a known one, or none", async () => {
    for (const kid of ["mine", "known", undefined]) {
      await refusal(await draft(CLAIMS, { kid }).sign(other.privateKey));
    }
  });

  test("a key that the token brings along (jwk, jku, x5c) is not used", async () => {
    const jwk = await exportJWK(other.publicKey);
    for (const header of [
      { jwk },
      { jku: "http://127.0.0.1:1/jwks" },
      { x5c: ["AAAA"] },
      { x5u: "http://127.0.0.1:1/" },
    ]) {
      const token = await draft(CLAIMS, { kid: "mine", ...header }).sign(other.privateKey);
      assert.match(await refusal(token), /key/);
    }
  });

  test("crit and b64 are refused: what they change is not understood", async () => {
    const payload = Buffer.from(
      JSON.stringify({ ...CLAIMS, iss: RULES.issuer, aud: RULES.audience, exp: now_s + 300 }),
    );
    const b64 = await new CompactSign(payload)
      .setProtectedHeader({ alg: "ES256", kid: "known", b64: true, crit: ["b64"] })
      .sign(known.privateKey);
    assert.match(await refusal(b64), /extension/);
    const head = base64url({ alg: "ES256", kid: "known", crit: ["exp"], exp: 1 });
    assert.match(await refusal(`${head}.${payload.toString("base64url")}.AAAA`), /extension/);
    const loose = base64url({ alg: "ES256", kid: "known", b64: false });
    assert.match(await refusal(`${loose}.${payload.toString("base64url")}.AAAA`), /extension/);
  });

  test("a token that is none for access (typ) is refused", async () => {
    const token = await draft(CLAIMS, { typ: "dpop+jwt" }).sign(known.privateKey);
    assert.match(await refusal(token), /access token/);
  });

  test("institutions of other forms are refused", async () => {
    for (const institution of [undefined, "", "a/b", "hospital a", "x".repeat(65), 7, ["hospital-a"], "../x", "é"]) {
      assert.match(await refusal(await draft({ ...CLAIMS, institution }).sign(known.privateKey)), /institution/);
    }
  });

  test("scopes that are not text, or too many, are refused", async () => {
    const scopes = [["trace/lineage.read"], 5, Array.from({ length: 200 }, (_, i) => `s${i}`).join(" ")];
    for (const scope of scopes) {
      assert.match(await refusal(await draft({ ...CLAIMS, scope }).sign(known.privateKey)), /scope/);
    }
  });

  test("altering any part of a token refuses it", async () => {
    const [head = "", body = "", signature = ""] = (await draft().sign(known.privateKey)).split(".");
    const raised = base64url({
      ...CLAIMS,
      institution: "hospital-b",
      iss: RULES.issuer,
      aud: RULES.audience,
      exp: now_s + 300,
    });
    for (const token of [
      `${head}.${raised}.${signature}`,
      `${head}.${body}.${signature.slice(0, -4)}AAAA`,
      `${base64url({ alg: "ES256", kid: "rsa" })}.${body}.${signature}`,
      `${base64url({ alg: "RS256", kid: "known" })}.${body}.${signature}`,
      `${head}.${body}`,
      `${head}.${body}.`,
      `.${body}.${signature}`,
      `${head}.${body}.${signature}.${signature}`,
    ]) {
      assert.equal((await ask(token)).status, 401);
    }
  });

  test("malformed headers are refused", async () => {
    const good = await draft().sign(known.privateKey);
    for (const [scheme, token] of [
      ["Basic ", "YTpi"],
      ["Bearer ", ""],
      ["Bearer", good],
      ["Bearer ", "not a token"],
      ["Bearer ", "…"],
      ["Bearer ", `${good} ${good}`],
      ["Bearer ", `${good},`],
      ["Bearer ", "x".repeat(9_000)],
      ["Token ", good],
    ] as const) {
      const answer = await app.inject({ url: "/read", headers: { authorization: `${scheme}${token}` } });
      assert.equal(answer.statusCode, 401, `${scheme}${token.slice(0, 20)}`);
    }
    assert.equal((await ask(good, "/read", "bearer  ")).status, 200);
  });

  test("a key that the file gains later is found; one that it loses is no longer good for new tokens", async () => {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-jwks-"));
    const path = join(folder, "jwks.json");
    const verifier = createTokenVerifier({ ...RULES, jwks: `file:${path}` });
    assert.deepEqual(await verifier.missing(), ["AUTH_JWKS: the file of the issuer's keys cannot be read"]);
    const token = await draft().sign(known.privateKey);
    await assert.rejects(verifier.verify(token), { code: "BUSY" });
    await writeFile(path, JSON.stringify({ keys: [{ ...(await exportJWK(known.publicKey)), kid: "known" }] }));
    await eventually(async () => assert.equal((await verifier.verify(token)).institution, "hospital-a"));
    assert.deepEqual(await verifier.missing(), []);
    await writeFile(path, JSON.stringify({ keys: [] }));
    await eventually(async () => assert.rejects(verifier.verify(token), { code: "UNAUTHENTICATED" }));
    await rm(folder, { recursive: true });
  });
});

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Tries again for as long as a file is looked at only so often. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (let left = 60; ; left--) {
    try {
      return await check();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
