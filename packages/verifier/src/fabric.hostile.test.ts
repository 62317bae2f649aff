/** Envelopes and certificates that can be read two ways, and some meant to hurt whoever reads them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pemsIn, readCertificate, readPem } from "./certificate.ts";
import { BIT_STRING, INTEGER, readElements, readOne, readTime, readUnsigned, SEQUENCE } from "./der.ts";
import { readMessage } from "./protobuf.ts";
import { ENVELOPE, type Form, partsOf, replaced } from "./testing/fields.ts";
import { sha256 } from "./testing/ledger.ts";
import { der, field, Identity, TestNetwork, varint } from "./testing/network.ts";
import { Fault, type Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const network = new TestNetwork();
const trust = [network.trust()];
const good = network.evidence();
const envelope = Buffer.from(good.ledger.anchors[0]?.read ?? "", "base64");

/** The verdict where this is the read. */
async function withRead(read: string | Buffer): Promise<Verdict> {
  const [anchor] = good.ledger.anchors;
  const text = typeof read === "string" ? read : read.toString("base64");
  const file = { ...good, ledger: { ...good.ledger, anchors: [{ ...anchor, read: text }] } };
  return verifyEvidence(JSON.stringify(file), { trust });
}

async function refuted(read: string | Buffer, reason: RegExp): Promise<void> {
  const { verdict, reasons } = await withRead(read);
  assert.equal(verdict, "refuted");
  assert.match(reasons.join(), reason);
}

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, "hex"));
const isRefuted = (reason: RegExp) => (error: unknown) => error instanceof Fault && reason.test(error.message);

describe("messages with two readings", () => {
  it("are refuted: the same message with one length or number in more bytes than it needs", async () => {
    const long = (value: number): Buffer => {
      const bytes = varint(value);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) + 128;
      return Buffer.concat([bytes, Buffer.of(0)]);
    };
    assert.equal((await withRead(envelope)).verdict, "proven");
    for (const { path } of partsOf(envelope, ENVELOPE)) {
      if (isInDer(ENVELOPE, path, envelope)) continue;
      const other = replaced(envelope, ENVELOPE, path, ({ tag, value }) =>
        typeof value === "number"
          ? Buffer.concat([varint(tag), long(value)])
          : Buffer.concat([varint(tag), long(value.length), value]),
      );
      assert.notEqual((await withRead(other)).verdict, "proven", path.join());
    }
  });

  it("are refuted: fields in another order, twice, of another type, unknown, or with defaults written out", () => {
    const shape = { a: [1, "number"], b: [2, "bytes"], c: [3, "list"] } as const;
    const read = (...fields: readonly Buffer[]) =>
      readMessage(Uint8Array.from(Buffer.concat(fields)), "M", "at", shape);
    const [a, b, c] = [field(1, 300), field(2, "b"), field(3, "c")];
    assert.deepEqual(read(a, b, c, c), { a: 300, b: bytesOf("62"), c: [bytesOf("63"), bytesOf("63")] });
    assert.deepEqual(read(), { a: 0, b: new Uint8Array(), c: [] });
    assert.deepEqual(read(field(3, "")).c, [new Uint8Array()]);
    const cases: readonly (readonly [RegExp, ...Buffer[]])[] = [
      [/M\.a: twice, or late/, b, a],
      [/M\.c: twice, or late|M\.b: twice, or late/, c, b],
      [/M\.a: twice, or late/, a, a],
      [/M\.a: wrong type/, field(1, "x")],
      [/M\.b: wrong type/, field(2, 1)],
      [/field 4 is not known/, field(4, 1)],
      [/field 0 is not known/, Buffer.of(0)],
      [/default is written out/, field(1, 0)],
      [/default is written out/, field(2, "")],
      [/cut short/, b.subarray(0, 2)],
      [/cut short/, Buffer.of(0x08)],
      [/too large/, Buffer.from(`08${"ff".repeat(9)}01`, "hex")],
      [/too large/, Buffer.from(`12${"ff".repeat(7)}7f`, "hex")],
      [/over 1000 items/, ...Array.from({ length: 1_001 }, () => c)],
    ];
    for (const [reason, ...fields] of cases) assert.throws(() => read(...fields), isRefuted(reason));
  });

  it("are refuted: base64 of another spelling, or none", async () => {
    const text = envelope.toString("base64");
    const padded = Buffer.concat([envelope, Buffer.of()]).toString("base64url");
    for (const read of [
      `${text} `,
      ` ${text}`,
      text.slice(0, -1),
      `${text}====`,
      padded,
      "",
      "é",
      text.replace("C", "C\n"),
    ]) {
      if (read !== text) await refuted(read, /base64|default|cut short|late|known/);
    }
  });
});

/** True for what is in a certificate or a signature, whose lengths are DER's. */
function isInDer(form: Form, path: readonly number[], bytes: Buffer): boolean {
  const parents = partsOf(bytes, form).filter(
    (part) => part.path.length < path.length && part.path.every((n, i) => n === path[i]),
  );
  return parents.some((parent) => parent.form === "der" || parent.form === "certificate");
}

describe("DER with two readings", () => {
  it("is refused: lengths in more bytes than they need, indefinite, or beyond the end; tags of many bytes", () => {
    for (const hex of ["0281017f", "02820001", "3080020101", "0202", "02", "1f8101", "3083000001", "04850100000000"]) {
      assert.throws(() => readElements(bytesOf(hex), "at"), isRefuted(/DER/), hex);
    }
    assert.deepEqual(readOne(bytesOf("020101"), INTEGER, "at").content, bytesOf("01"));
    for (const hex of ["020101020101", "", "030101"]) {
      assert.throws(() => readOne(bytesOf(hex), INTEGER, "at"), isRefuted(/one element/), hex);
    }
  });

  it("is refused: numbers that are negative, empty or padded; times that are none", () => {
    assert.equal(readUnsigned(bytesOf("00ff"), "at"), 255n);
    for (const hex of ["", "80", "ff", "0001", "007f"]) {
      assert.throws(() => readUnsigned(bytesOf(hex), "at"), isRefuted(/number/), hex);
    }
    const time = (tag: number, text: string): number => {
      const content = Uint8Array.from(Buffer.from(text));
      return readTime({ tag, content, whole: content }, "at");
    };
    assert.equal(new Date(time(0x17, "491231235959Z")).toISOString(), "2049-12-31T23:59:59.000Z");
    assert.equal(new Date(time(0x17, "500101000000Z")).toISOString(), "1950-01-01T00:00:00.000Z");
    assert.equal(new Date(time(0x18, "20500101000000Z")).toISOString(), "2050-01-01T00:00:00.000Z");
    for (const [tag, text] of [
      [0x17, "250230000000Z"],
      [0x17, "2501010000Z"],
      [0x17, "250101000000+0100"],
      [0x17, "20250101000000Z"],
      [0x18, "250101000000Z"],
      [0x18, "20250101000000.5Z"],
      [0x04, "250101000000Z"],
    ] as const) {
      assert.throws(() => time(tag, text), isRefuted(/not a time/), text);
    }
  });

  it("is refused: a certificate cut at any byte, with a byte more, or of random bytes", () => {
    const { pem } = network.peer("HospitalAMSP");
    const whole = Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64"));
    assert.equal(readCertificate(whole, "at").commonName, "peer0.HospitalAMSP");
    for (let end = 0; end < whole.length; end++) {
      assert.throws(() => readCertificate(whole.slice(0, end), "at"), Fault, `${end} bytes`);
    }
    assert.throws(() => readCertificate(Uint8Array.from([...whole, 0]), "at"), Fault);
    assert.throws(() => readCertificate(new Uint8Array(20_000), "at"), isRefuted(/16384 bytes/));
    for (let run = 0; run < 2_000; run++) {
      const random = sha256(`certificate ${run}`);
      const other = whole.slice();
      for (let i = 0; i <= run % 4; i++) other[random.readUInt16LE(2 * i) % whole.length] = random[20 + i] ?? 0;
      try {
        readCertificate(other, "at");
      } catch (error) {
        assert.ok(error instanceof Fault, `run ${run}: ${error}`);
      }
    }
  });

  it("cannot be told: a certificate that is signed in another way", () => {
    const { pem } = network.ca("HospitalAMSP");
    const hex = Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64").toString("hex");
    const other = hex.replaceAll("2a8648ce3d040302", "2a8648ce3d040304");
    assert.notEqual(other, hex);
    assert.throws(() => readCertificate(bytesOf(other), "at"), {
      outcome: "cannot-tell",
      message: /not signed by ECDSA/,
    });
  });

  it("is refused: PEM that is more or less than one certificate", () => {
    const { pem } = network.ca("HospitalAMSP");
    assert.equal(readPem(pem, "at").commonName, "ca.HospitalAMSP");
    for (const text of [
      pem + pem,
      `x\n${pem}`,
      `${pem}x`,
      pem.replace("BEGIN C", "BEGIN X"),
      pem.replace(/\n/g, ""),
      "",
    ]) {
      assert.throws(() => readPem(text, "at"), isRefuted(/PEM/));
    }
    assert.equal(pemsIn(`words\r\n${pem.replaceAll("\n", "\r\n")}more${pem}`).length, 2);
  });
});

describe("envelopes meant to hurt", () => {
  it("end in a verdict: cut, of random bytes, or with random bytes changed", async () => {
    for (let end = 0; end < envelope.length; end += 29) {
      assert.notEqual((await withRead(envelope.subarray(0, end))).verdict, "proven", `${end} bytes`);
    }
    for (let run = 0; run < 300; run++) {
      const random = sha256(`envelope ${run}`);
      const other = run % 3 === 0 ? random : Buffer.from(envelope);
      if (run % 3 !== 0)
        for (let i = 0; i < 4; i++) other[random.readUInt32LE(4 * i) % other.length] = random[16 + i] ?? 0;
      if (!other.equals(envelope)) assert.notEqual((await withRead(other)).verdict, "proven", `run ${run}`);
    }
  });

  it("end in a verdict: over the limit, or of a thousand endorsements", async () => {
    await refuted(Buffer.alloc(3_000_000, 0x0a), /larger than 1048576 bytes/);
    const endorsers = Array.from({ length: 1_001 }, () => network.peer("HospitalAMSP"));
    const many = network.evidence({ read: (call) => void Object.assign(call, { endorsers: endorsers.slice(0, 400) }) });
    const { verdict, reasons } = await verifyEvidence(JSON.stringify(many), { trust });
    assert.equal(verdict, "refuted");
    assert.match(reasons.join(), /one peer endorsed twice/);
    const tiny = field(2, field(1, "x"));
    const parts = partsOf(envelope, ENVELOPE);
    const endorsement = parts.find(({ path }) => path.join() === "0,1,0,1,1,1")?.path ?? [];
    const flood = replaced(envelope, ENVELOPE, endorsement, () =>
      Buffer.concat(Array.from({ length: 5_000 }, () => tiny)),
    );
    await refuted(flood, /endorsements: over 1000 items/);
  });

  it("end in a verdict: trust of a hundred organisations, of CAs that name each other, or of what is no trust", async () => {
    const key = new Identity("X", { commonName: "one", isCa: true });
    const loop = [0, 1].map((i) => new Identity("X", { commonName: `loop${i}`, isCa: true, issuer: key }));
    const circle = JSON.stringify({ organisations: { X: { roots: loop.map(({ pem }) => pem), intermediates: [] } } });
    const odd = [
      circle,
      "{}",
      '{"organisations":[]}',
      '{"organisations":{}}',
      "{",
      '{"organisations":{"":{"roots":[],"intermediates":[]}}}',
    ];
    for (const one of odd) {
      const { verdict } = await verifyEvidence(JSON.stringify(good), { trust: [...trust, one] });
      assert.equal(verdict, one === '{"organisations":{}}' ? "proven" : "cannot-tell", one.slice(0, 80));
    }
    const wide = new TestNetwork(Array.from({ length: 100 }, (_, i) => `Hospital${i}MSP`));
    const { reasons } = await verifyEvidence(JSON.stringify(good), { trust: [...trust, wide.trust()] });
    assert.match(reasons.join(), /2 of 103 organisations endorsed it/);
  });

  it("are no certificates: bits that are no bytes, keys that are no points", async () => {
    const { pem } = network.ca("HospitalAMSP");
    const whole = Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64");
    const point = partsOf(whole, "der")
      .filter(({ tag }) => tag === BIT_STRING)
      .map(({ path }) => path);
    assert.ok(point.length >= 2);
    for (const path of point) {
      for (const content of [
        Buffer.of(),
        Buffer.of(1),
        Buffer.of(0),
        Buffer.alloc(66, 0xff),
        Buffer.concat([Buffer.of(0, 4), Buffer.alloc(64, 0xff)]),
      ]) {
        const other = replaced(whole, "der", path, () => der(BIT_STRING, content));
        const text = `-----BEGIN CERTIFICATE-----\n${other.toString("base64")}\n-----END CERTIFICATE-----\n`;
        const given = JSON.stringify({ organisations: { HospitalAMSP: { roots: [text], intermediates: [] } } });
        const { verdict } = await verifyEvidence(JSON.stringify(good), { trust: [given] });
        assert.equal(verdict, "cannot-tell");
      }
    }
    assert.equal(readElements(Uint8Array.from(whole), "at")[0]?.tag, SEQUENCE);
  });
});
