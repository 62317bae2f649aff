import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import test from "node:test";
import { createEd25519 } from "./ed25519.ts";

function signer(): { raw: Uint8Array<ArrayBuffer>; sign(message: Uint8Array): Uint8Array<ArrayBuffer> } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    raw: new Uint8Array(Buffer.from(x, "base64url")),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

test("a signature holds for its key and message alone, whatever was asked before", () => {
  const check = createEd25519();
  const [one, two] = [signer(), signer()];
  const [message, other] = [new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 4])];
  for (let round = 0; round < 2; round++) {
    assert.equal(check(one.raw, one.sign(message), message), true);
    assert.equal(check(one.raw, one.sign(message), other), false);
    assert.equal(check(two.raw, one.sign(message), message), false);
    assert.equal(check(one.raw, two.sign(message), message), false);
    assert.equal(check(two.raw, two.sign(message), message), true);
  }
});
