/** Byte helpers used across the model. */
import { hash } from "node:crypto";

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export type Bytes = Uint8Array;

/** UTF-8 bytes of a string. */
export function utf8(text: string): Bytes {
  return Buffer.from(text, "utf8");
}

/** Text of UTF-8 bytes; throws TypeError on a byte sequence that is not UTF-8. */
export function fromUtf8(bytes: Bytes): string {
  return strictDecoder.decode(bytes);
}

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(bytes: Bytes): Bytes {
  // Through a binary string: an output "buffer" gets memory of its own, which costs more than hashing 600 bytes.
  return Buffer.from(hash("sha256", bytes, "binary"), "binary");
}

/** SHA-256 of a text's UTF-8 bytes, in hex. */
export function sha256Hex(text: string): string {
  return hash("sha256", text, "hex");
}

export function hex(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Bytes of lower-case hex; throws RangeError on anything else. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new RangeError(`not lower-case hex: ${text.slice(0, 80)}`);
  }
  return Buffer.from(text, "hex");
}

export function base64url(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
