import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { type Bytes, fromHex, hex, utf8 } from "./bytes.ts";
import {
  checkpointText,
  checkpointVerifier,
  formatVerifierKey,
  keyId,
  type LogCheckpoint,
  parseCheckpointText,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKey,
} from "./checkpoint.ts";

/** Example note of c2sp.org/signed-note; its key id is that of the line below. */
const SPEC_NOTE =
  "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
  "— quasimodo.example/salvatore " +
  "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
/** Example note of c2sp.org/tlog-checkpoint. */
const SPEC_CHECKPOINT =
  "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
  "— example.com/behind-the-sofa " +
  "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

const PKCS8_ED25519 = "302e020100300506032b657004220420";

function signer(seed: string): { publicKey: Bytes; sign: (bytes: Bytes) => Bytes } {
  const der = Buffer.concat([fromHex(PKCS8_ED25519), fromHex(seed)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return { publicKey: Buffer.from(x as string, "base64url"), sign: (bytes) => sign(null, bytes, key) };
}

const one = signer("01".repeat(32));
const two = signer("02".repeat(32));
const name = "ledger.example/region";
const key = verifierKey(name, one.publicKey);
const body: LogCheckpoint = { origin: name, size: 7, root: fromHex("ab".repeat(32)) };
const note = signNote(checkpointText(body), key, one.sign);

test("the specifications' example notes are read as they describe", () => {
  const parsed = parseNote(SPEC_NOTE);
  assert.equal(
    parsed.text,
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n",
  );
  assert.deepEqual(
    parsed.signatures.map(({ name, id, signature }) => [name, id, signature.length]),
    [["quasimodo.example/salvatore", "367ba04b", 64]],
  );
  const checkpoint = parseCheckpointText(parseNote(SPEC_CHECKPOINT).text);
  assert.equal(checkpoint.origin, "example.com/behind-the-sofa");
  assert.equal(checkpoint.size, 20852163);
  assert.equal(hex(checkpoint.root), "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62");
});

test("the published example note of Go's sumdb/note verifies, and any other text under it does not", () => {
  const text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  assert.equal(formatVerifierKey(parseVerifierKey(text)), text);
  const signed =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  // Signed and right, but not a checkpoint: the signature holds, so that only its text is at fault.
  assert.throws(() => checkpointVerifier(parseVerifierKey(text))(signed), {
    code: "INPUT_MALFORMED",
    message: /three/,
  });
  const forged = signed.replace("answer", "Answer");
  assert.throws(() => checkpointVerifier(parseVerifierKey(text))(forged), { code: "INTEGRITY" });
});

test("a checkpoint is read back by whoever has the verifier key", () => {
  const handedOut = parseVerifierKey(formatVerifierKey(key));
  assert.deepEqual(handedOut, key);
  const read = checkpointVerifier(handedOut)(note);
  assert.deepEqual({ ...read, root: hex(read.root) }, { ...body, root: "ab".repeat(32) });
});

test("a note has exactly the specified bytes", () => {
  const lines = note.split("\n");
  assert.deepEqual(lines.slice(0, 4), [name, "7", Buffer.from("ab".repeat(32), "hex").toString("base64"), ""]);
  const signature = one.sign(utf8(checkpointText(body)));
  const line = Buffer.concat([fromHex(keyId(name, one.publicKey)), signature]).toString("base64");
  assert.deepEqual(lines.slice(4), [`— ${name} ${line}`, ""]);
});

test("changing any character of a note is refused", () => {
  const verify = checkpointVerifier(key);
  for (let i = 0; i < note.length; i++) {
    for (const other of ["A", "\n", " ", "0", "—", ""]) {
      if (note[i] === other) continue;
      assert.throws(() => verify(note.slice(0, i) + other + note.slice(i + 1)), /./, `character ${i} as ${other}`);
    }
  }
});

test("a signature of another key, or of this key under another name, does not vouch", () => {
  const text = checkpointText(body);
  const verify = checkpointVerifier(key);
  assert.throws(() => verify(signNote(text, verifierKey(name, two.publicKey), two.sign)), { code: "INTEGRITY" });
  assert.throws(() => verify(signNote(text, key, two.sign)), { code: "INTEGRITY" });
  assert.throws(() => verify(signNote(text, verifierKey("other", one.publicKey), one.sign)), { code: "INTEGRITY" });
});

test("lines of unknown keys are let be; a second line of this key must hold too", () => {
  const verify = checkpointVerifier(key);
  const line = (of: string): string => of.slice(of.lastIndexOf("\n\n") + 2);
  const witness = line(signNote(checkpointText(body), verifierKey("witness.example", two.publicKey), two.sign));
  assert.equal(verify(note + witness).size, 7);
  const forged = line(signNote(checkpointText(body), key, two.sign));
  assert.throws(() => verify(note + forged), { code: "INTEGRITY" });
  assert.equal(verify(note + witness.repeat(15)).size, 7);
  assert.throws(() => verify(note + witness.repeat(16)), { code: "INPUT_MALFORMED" });
});

test("anything but three lines in their one spelling is no checkpoint", () => {
  const root = Buffer.alloc(32).toString("base64");
  assert.equal(parseCheckpointText(`o\n0\n${root}\n`).size, 0);
  for (const text of [
    "",
    "o\n",
    `o\n1\n${root}`,
    `o\n1\n${root}\n\n`,
    `o\n1\n${root}\nextension\n`,
    `\n1\n${root}\n`,
    `o\n01\n${root}\n`,
    `o\n-1\n${root}\n`,
    `o\n1.0\n${root}\n`,
    `o\n1e3\n${root}\n`,
    `o\n9007199254740992\n${root}\n`,
    `o\n1\n${root.slice(0, -1)}\n`,
    `o\n1\n${root} \n`,
    `o\n1\n${root.slice(0, -2)}B=\n`,
    `o\n1\n${Buffer.alloc(31).toString("base64")}\n`,
    `o\r\n1\n${root}\n`,
  ]) {
    assert.throws(() => parseCheckpointText(text), { code: "INPUT_MALFORMED" }, JSON.stringify(text));
  }
});

test("a verifier key in another spelling, of another type or with another's id is refused", () => {
  const text = formatVerifierKey(key);
  const typed = (type: number): string =>
    `${name}+${key.id}+${Buffer.concat([Uint8Array.of(type), key.publicKey]).toString("base64")}`;
  assert.equal(typed(1), text);
  for (const wrong of [
    "",
    "+",
    "++",
    text.slice(0, -1),
    `${text}=`,
    `${text}\n`,
    ` ${text}`,
    text.toUpperCase(),
    text.replace(name, "other"),
    text.replace(name, ""),
    text.replace(key.id, "00000000"),
    typed(2),
    `${name}+${key.id}+${Buffer.concat([Uint8Array.of(1), key.publicKey, key.publicKey]).toString("base64")}`,
  ]) {
    assert.throws(() => parseVerifierKey(wrong), { code: "INPUT_MALFORMED" }, JSON.stringify(wrong));
  }
});

test("names and texts that would break the note's lines are never signed", () => {
  for (const bad of ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2028b", "\ud800", "n".repeat(256)]) {
    assert.throws(() => verifierKey(bad, one.publicKey), { code: "INPUT_INVALID" }, JSON.stringify(bad));
  }
  for (const bad of [{ origin: "a\nb" }, { origin: "" }, { size: -1 }, { size: 0.5 }, { root: new Uint8Array(31) }]) {
    assert.throws(() => checkpointText({ ...body, ...bad }), { code: "INPUT_INVALID" });
  }
  for (const text of ["", "no newline", "tab\t\n", "\u0000\n"]) {
    assert.throws(() => signNote(text, key, one.sign), { code: "INPUT_INVALID" });
  }
});

test("hostile text of any kind ends in an error of ours", () => {
  const piece = fc.constantFrom("\n", "\n\n", "— ", name, " ", "0", "AAAA", "é", "\ud800", "\u0000", "=", note);
  const verify = checkpointVerifier(key);
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
      const text = pieces.join("");
      if (text === note) return;
      assert.throws(() => verify(text), { name: "MedtraceError" });
    }),
  );
  assert.throws(() => verify("\n".repeat(1_000_000)), { code: "INPUT_MALFORMED" });
});

test("every checkpoint survives its note", () => {
  const anyOrigin = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
  const anyRoot = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(anyOrigin, fc.maxSafeNat(), anyRoot, (origin, size, root) => {
      const read = checkpointVerifier(key)(signNote(checkpointText({ origin, size, root }), key, one.sign));
      assert.deepEqual([read.origin, read.size, hex(read.root)], [origin, size, hex(root)]);
    }),
  );
});
