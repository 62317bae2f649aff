/** ECDSA (FIPS 186-5) on NIST's curves, by WebCrypto. Signatures come as DER: SEQUENCE { r INTEGER, s INTEGER }. */
import { type Bytes, fromHex } from "./bytes.ts";
import { INTEGER, readExactly, readOne, readUnsigned, SEQUENCE } from "./der.ts";

export interface Curve {
  /** WebCrypto's name. */
  readonly name: "P-256" | "P-384";
  readonly bytes: number;
  /** Of the group: signatures are numbers below it (SEC 2). */
  readonly order: bigint;
}

export const P256: Curve = {
  name: "P-256",
  bytes: 32,
  order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};

export const P384: Curve = {
  name: "P-384",
  bytes: 48,
  order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};

export interface PublicKey {
  readonly curve: Curve;
  /** Uncompressed: 4, x, y. */
  readonly point: Bytes;
}

export interface Signed {
  readonly message: Bytes;
  readonly signature: Bytes;
  readonly hash: "SHA-256" | "SHA-384";
  /** True: s must be at most half of the order, as Fabric wants it; else order - s would be a second good signature. */
  readonly lowS: boolean;
}

/** True where the signature over the message is this key's; throws Fault where its DER is broken. */
export async function isEcdsaSignedBy(
  { curve, point }: PublicKey,
  { message, signature, hash, lowS }: Signed,
  at: string,
): Promise<boolean> {
  const sequence = readOne(signature, SEQUENCE, at).content;
  const [r = 0n, s = 0n] = readExactly(sequence, [INTEGER, INTEGER], at).map((content) => readUnsigned(content, at));
  if (r < 1n || r >= curve.order || s < 1n || s >= curve.order) return false;
  if (lowS && s > curve.order / 2n) return false;
  const plain = fromHex([r, s].map((number) => number.toString(16).padStart(2 * curve.bytes, "0")).join(""));
  const algorithm = { name: "ECDSA", namedCurve: curve.name };
  const key = await crypto.subtle.importKey("raw", point, algorithm, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash }, key, plain, message);
}
