/** A self-signed certificate for tests of TLS, made where it is used so that no key has to be kept. */
import { generateKeyPairSync, sign } from "node:crypto";

const ECDSA_SHA256 = "06082a8648ce3d040302";
const COMMON_NAME = "0603550403";
const BASIC_CONSTRAINTS = "0603551d13";
const SUBJECT_ALT_NAME = "0603551d11";

/** A DER value (X.690) of these parts; hex stands for encoded bytes. */
function der(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "hex") : part)));
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** Key and certificate (RFC 5280) of this common name and these URIs, for 127.0.0.1, signed by itself. */
export function selfSigned(
  commonName: string,
  uris: readonly string[] = [],
): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
  const algorithm = der(0x30, ECDSA_SHA256);
  const validity = der(0x30, der(0x17, Buffer.from("200101000000Z")), der(0x18, Buffer.from("21200101000000Z")));
  const names = uris.map((uri) => der(0x86, Buffer.from(uri)));
  const authority = der(0x30, BASIC_CONSTRAINTS, der(0x04, der(0x30, "0101ff")));
  const address = der(0x30, SUBJECT_ALT_NAME, der(0x04, der(0x30, der(0x87, "7f000001"), ...names)));
  const body = der(
    0x30,
    der(0xa0, "020102"),
    der(0x02, "01"),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(0x30, authority, address)),
  );
  const signature = der(0x03, "00", sign("sha256", body, privateKey));
  const encoded = der(0x30, body, algorithm, signature).toString("base64");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${encoded}\n-----END CERTIFICATE-----\n`,
  };
}
