/**
 * The embedded issuer: signs tokens with a key of its own in the data folder, for one machine. Where institutions
 * have an identity provider, AUTH_JWKS names that one's keys instead.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { INSTITUTION } from "./token.ts";

export interface TokenRequest {
  readonly institution: string;
  readonly scopes: readonly string[];
  /** `sub`: who or what uses the token. */
  readonly subject?: string;
  readonly expires_s: number;
}

export interface Issuer {
  /** A signed token. @throws MedtraceError INPUT_INVALID naming the wrong member. */
  issueToken(request: TokenRequest): Promise<string>;
  /** Path of the public keys: `AUTH_JWKS=file:` and this. */
  readonly jwksPath: string;
}

export interface IssuerOptions {
  /** The data folder. */
  readonly data: string;
  readonly issuer: string;
  readonly audience: string;
}

const EXPIRES_S_MAX = 366 * 86_400;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * Opens the issuer of a data folder, and makes its keys where there are none: `keys/issuer.jwk` (private, mode 0600)
 * and `keys/jwks.json` (public). Processes that do so at once all end with the same key.
 *
 * @throws MedtraceError CONFIGURATION where the key file cannot be used, or others may read it.
 */
export async function openIssuer({ data, issuer, audience }: IssuerOptions): Promise<Issuer> {
  const keys = join(data, "keys");
  const privatePath = join(keys, "issuer.jwk");
  const jwksPath = join(keys, "jwks.json");
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const jwk = (await readKey(privatePath)) ?? (await makeKey(privatePath));
  const key = await importJWK(jwk, "ES256");
  const kid = await calculateJwkThumbprint(jwk);
  await publish(jwksPath, { ...publicPart(jwk), kid, alg: "ES256", use: "sig" });
  return {
    jwksPath,
    issueToken: async ({ institution, scopes, subject, expires_s }) => {
      if (!INSTITUTION.test(institution)) throw invalid("institution", "1 to 64 of A-Z a-z 0-9 . _ -");
      if (!scopes.every((scope) => SCOPE.test(scope))) throw invalid("scope", "names without blanks or quotes");
      if (!(expires_s >= 1 && expires_s <= EXPIRES_S_MAX)) throw invalid("expires", `1 to ${EXPIRES_S_MAX} seconds`);
      const claims = { institution, scope: scopes.join(" "), ...(subject === undefined ? {} : { sub: subject }) };
      const now_s = Math.floor(Date.now() / 1_000);
      return await new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid, typ: "JWT" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now_s)
        .setExpirationTime(now_s + Math.floor(expires_s))
        .setJti(randomBytes(12).toString("base64url"))
        .sign(key);
    },
  };
}

async function readKey(path: string): Promise<JWK | undefined> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new MedtraceError("CONFIGURATION", "the issuer's private key can be read by other users", {
        at: path,
        hint: "chmod 600 it, or delete it and its jwks.json for new keys",
      });
    }
    return JSON.parse(await readFile(path, "utf8")) as JWK;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof MedtraceError) throw error;
    throw new MedtraceError("CONFIGURATION", "the issuer's private key cannot be read", { at: path, cause: error });
  }
}

/** Makes the key, unless another process was first: a hard link takes the name only where it is free. */
async function makeKey(path: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  const draft = await writeDraft(path, JSON.stringify(jwk), 0o600);
  try {
    await link(draft, path);
    return jwk;
  } catch (error) {
    const first = (error as NodeJS.ErrnoException).code === "EEXIST" ? await readKey(path) : undefined;
    if (first === undefined) throw error;
    return first;
  } finally {
    await unlink(draft);
  }
}

/** Adds the key to the public set, beside others that are there. */
async function publish(path: string, key: JWK): Promise<void> {
  const set = await readSet(path);
  if (set.some(({ kid }) => kid === key.kid)) return;
  const draft = await writeDraft(path, `${JSON.stringify({ keys: [...set, key] }, null, 2)}\n`, 0o644);
  await rename(draft, path);
}

async function readSet(path: string): Promise<readonly JWK[]> {
  try {
    return (JSON.parse(await readFile(path, "utf8")) as { keys: JWK[] }).keys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new MedtraceError("CONFIGURATION", "the issuer's public keys cannot be read", {
      at: path,
      hint: "delete the file: it is made again",
      cause: error,
    });
  }
}

/** Writes a file under a name of its own beside the path, durable before it gets its real name. */
async function writeDraft(path: string, text: string, mode: number): Promise<string> {
  const draft = join(dirname(path), `.${randomBytes(8).toString("hex")}.draft`);
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

function publicPart({ kty, crv, x, y }: JWK): JWK {
  return { kty, crv, x, y } as JWK;
}

function invalid(at: string, wants: string): MedtraceError {
  return new MedtraceError("INPUT_INVALID", `wants ${wants}`, { at });
}
