/**
 * Verification of tokens: JWT (RFC 7519) signed by an asymmetric algorithm, keys by JWK set. What is wrong with a
 * token is said in a few fixed words, never with anything of the token itself.
 */
import { hash } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { type KeySet, openKeySet } from "./key-set.ts";

export interface Caller {
  /** The tenant. */
  readonly institution: string;
  /** `sub`; the institution itself where the token names nobody. */
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
}

export interface TokenVerifier {
  /** The caller of a token that was verified less than a minute ago. */
  remembered(token: string): Caller | undefined;
  /** @throws MedtraceError UNAUTHENTICATED, or BUSY where the issuer's keys cannot be had right now. */
  verify(token: string): Promise<Caller>;
  /** What is missing for tokens to be verified; empty where nothing is. For /readyz. */
  missing(): Promise<readonly string[]>;
}

export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  /** `file:` path or http(s) URL of the JWK set. */
  readonly jwks: string;
}

export const ALGORITHMS: readonly string[] = ["ES256", "ES384", "RS256", "PS256"];
/** 1 to 64 of A-Z a-z 0-9 . _ - */
export const INSTITUTION: RegExp = /^[A-Za-z0-9._-]{1,64}$/;
const TOKEN_CHARACTERS_MAX = 8_192;
const CLOCK_TOLERANCE_S = 30;
const REMEMBERED_MS_MAX = 60_000;
const REMEMBERED_MAX = 10_000;
const SUBJECT_CHARACTERS_MAX = 512;
const SCOPES_MAX = 100;
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt", "application/at+jwt"]);

/** A verifier by these rules. Signature checks cost ~150 us, so what was verified is remembered for a minute. */
export function createTokenVerifier(rules: TokenRules, keys: KeySet = openKeySet(rules.jwks)): TokenVerifier {
  const seen = new Map<string, { readonly caller: Caller; readonly until_ms: number }>();
  const keyOf = (token: string): string => hash("sha256", token, "base64url");
  const remember = (token: string, caller: Caller, exp_s: number): void => {
    if (seen.size >= REMEMBERED_MAX)
      for (const [oldest] of seen.entries().take(REMEMBERED_MAX / 10)) seen.delete(oldest);
    seen.set(keyOf(token), { caller, until_ms: Math.min(exp_s * 1_000, Date.now() + REMEMBERED_MS_MAX) });
  };
  return {
    remembered: (token) => {
      if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
      const found = seen.get(keyOf(token));
      return found !== undefined && found.until_ms > Date.now() ? found.caller : undefined;
    },
    verify: async (token) => {
      const payload = await verifySignature(token, rules, keys);
      const caller = callerOf(payload);
      remember(token, caller, payload.exp ?? 0);
      return caller;
    },
    missing: () => keys.missing(),
  };
}

async function verifySignature(token: string, rules: TokenRules, keys: KeySet): Promise<JWTPayload> {
  if (token.length > TOKEN_CHARACTERS_MAX) throw unauthenticated("the token is too long");
  try {
    const header = decodeProtectedHeader(token);
    if (!ALGORITHMS.includes(`${header.alg}`)) throw unauthenticated("the token's algorithm is not allowed");
    // No extension is understood, `b64` (RFC 7797) least of all: it changes what is signed.
    if (header.crit !== undefined || header["b64"] !== undefined) {
      throw unauthenticated("the token asks for an extension that is not understood");
    }
    if (header.typ !== undefined && !TYPES.has(`${header.typ}`.toLowerCase())) {
      throw unauthenticated("the token is not an access token");
    }
    const { payload } = await jwtVerify(token, keys.key, {
      issuer: rules.issuer,
      audience: rules.audience,
      algorithms: [...ALGORITHMS],
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ["exp"],
    });
    return payload;
  } catch (error) {
    throw error instanceof MedtraceError ? error : unauthenticated(reasonOf(error), error);
  }
}

function callerOf(payload: JWTPayload): Caller {
  const { institution, scope = "", sub } = payload as { institution?: unknown; scope?: unknown; sub?: unknown };
  if (typeof institution !== "string" || !INSTITUTION.test(institution)) {
    throw unauthenticated("the token does not name an institution");
  }
  if (typeof scope !== "string") throw unauthenticated("the token's scope is not text");
  if (sub !== undefined && (typeof sub !== "string" || sub.length > SUBJECT_CHARACTERS_MAX)) {
    throw unauthenticated("the token's subject is not text, or too long");
  }
  const scopes = scope.split(" ").filter((name) => name !== "");
  if (scopes.length > SCOPES_MAX) throw unauthenticated("the token has too many scopes");
  return { institution, subject: sub === undefined || sub === "" ? institution : sub, scopes: new Set(scopes) };
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the token has expired";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "aud") return "the token is for another audience";
    if (error.claim === "iss") return "the token is from another issuer";
    if (error.claim === "nbf") return "the token is not valid yet";
    return error.claim === "exp" ? "the token does not say when it expires" : "a claim of the token does not hold";
  }
  if (error instanceof errors.JWKSNoMatchingKey) return "the token's key is not one of the issuer's";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature does not hold";
  if (error instanceof errors.JOSEAlgNotAllowed) return "the token's algorithm is not allowed";
  return "the token cannot be read";
}

function unauthenticated(message: string, cause?: unknown): MedtraceError {
  return new MedtraceError("UNAUTHENTICATED", message, { hint: "get a new token; medtrace token prints one", cause });
}
