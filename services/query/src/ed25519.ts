/** Ed25519 (RFC 8032) on this thread: the verifier's own way goes through the thread pool, twice for each signature. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { sameBytes } from "@medtrace/shared/model/bytes";
import type { Ed25519 } from "@medtrace/verifier/note";

/** A checker for one ledger: while the ledger rests, every evidence file has the same checkpoint under the same key. */
export function createEd25519(): Ed25519 {
  let key: { readonly raw: Uint8Array; readonly object: KeyObject } | undefined;
  let held: { readonly signature: Uint8Array; readonly message: Uint8Array } | undefined;
  return (raw, signature, message) => {
    if (key === undefined || !sameBytes(key.raw, raw)) {
      const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") };
      key = { raw, object: createPublicKey({ key: jwk, format: "jwk" }) };
      held = undefined;
    }
    if (held !== undefined && sameBytes(held.signature, signature) && sameBytes(held.message, message)) return true;
    const holds = verify(null, message, key.object, signature);
    if (holds) held = { signature, message };
    return holds;
  };
}
