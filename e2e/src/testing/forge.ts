/** Tokens as an attacker, or a careless issuer, would make them. */
import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface Issued {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The issuer's private key. */
  readonly key: KeyObject;
  /** The issuer's public key set, as it is published. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, string>>[] };
}

/** Takes a good token apart; the key is that of the data folder's issuer. */
export async function takeApart(data: string, good: string): Promise<Issued> {
  const [header = "", claims = ""] = good.split(".");
  const keys = join(data, "keys");
  const jwk = JSON.parse(await readFile(join(keys, "issuer.jwk"), "utf8")) as object;
  return {
    header: decoded(header),
    claims: decoded(claims),
    key: createPrivateKey({ key: jwk as never, format: "jwk" }),
    jwks: JSON.parse(await readFile(join(keys, "jwks.json"), "utf8")) as Issued["jwks"],
  };
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Record<string, unknown>;
}

/** A token signed by ES256. */
export function signed({ key, header }: Pick<Issued, "key" | "header">, claims: object): string {
  return withSignature(header, claims, (text) => sign("sha256", text, { key, dsaEncoding: "ieee-p1363" }));
}

/** A token whose header says HS256, with something public as the secret. */
export function hmacSigned(header: object, claims: object, secret: string): string {
  return withSignature({ ...header, alg: "HS256" }, claims, (text) =>
    createHmac("sha256", secret).update(text).digest(),
  );
}

/** A token that says that it needs no signature. */
export function unsigned(header: object, claims: object, alg: string): string {
  return withSignature({ ...header, alg }, claims, () => Buffer.alloc(0));
}

/** A key that is not the issuer's. */
export function strangersKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function withSignature(header: object, claims: object, signature: (text: Buffer) => Buffer): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${signature(Buffer.from(text)).toString("base64url")}`;
}
