import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { fromHex, hex, utf8 } from "./bytes.ts";
import { hmacSha256 } from "./hmac.ts";

/** RFC 4231 section 4: key, data, HMAC-SHA-256. */
const RFC_4231: readonly (readonly [string, Uint8Array, string])[] = [
  ["0b".repeat(20), utf8("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    "4a656665",
    utf8("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["aa".repeat(20), fromHex("dd".repeat(50)), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "aa".repeat(131),
    utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
];

test("it gives the digests of RFC 4231", () => {
  for (const [key, data, digest] of RFC_4231) assert.equal(hex(hmacSha256(fromHex(key))(data)), digest);
});

test("it agrees with node:crypto on any key and data, one after another", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.uint8Array({ maxLength: 300, size: "max" })),
      (key, messages) => {
        const mac = hmacSha256(key);
        for (const data of messages) assert.equal(hex(mac(data)), createHmac("sha256", key).update(data).digest("hex"));
        assert.equal(hex(mac(...messages)), createHmac("sha256", key).update(Buffer.concat(messages)).digest("hex"));
      },
    ),
  );
});
