/**
 * Makes evidence for tests: a ledger in memory, written from RFC 6962 section 2.1's recursive definitions and
 * node:crypto, so that it shares no way of thinking with the verifier. For tests only.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

export interface TestEvidence {
  format: string;
  events: { event: string; batch: number; index: number; path: string[] }[];
  batches: { owner: string; batch: TestBatch }[];
  ledger: { kind: string; checkpoint: string; key: string; blocks: { block: string; path: string[] }[] };
}

export interface TestBatch {
  format: number;
  stream: string;
  sequence: number;
  first: number;
  end: number;
  count: number;
  root: string;
  previous: string;
}

interface Anchored {
  readonly owner: string;
  readonly batch: TestBatch;
  readonly block: number;
  readonly texts: readonly string[];
}

export const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const leaf = (text: string): Buffer => sha256(Uint8Array.of(0), text);
const node = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Uint8Array.of(1), left, right);

/** RFC 8785 for what tests hold: no number here but whole ones. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** MTH(D[n]) of RFC 6962 section 2.1. */
export function treeHash(texts: readonly string[]): Buffer {
  const [first = ""] = texts;
  if (texts.length === 1) return leaf(first);
  const k = split(texts.length);
  return node(treeHash(texts.slice(0, k)), treeHash(texts.slice(k)));
}

/** PATH(m, D[n]) of RFC 6962 section 2.1.1, hex. */
export function auditPath(index: number, texts: readonly string[]): string[] {
  if (texts.length === 1) return [];
  const k = split(texts.length);
  return index < k
    ? [...auditPath(index, texts.slice(0, k)), treeHash(texts.slice(k)).toString("hex")]
    : [...auditPath(index - k, texts.slice(k)), treeHash(texts.slice(0, k)).toString("hex")];
}

function split(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

/** A key of a signed note, the same for the same name and seed. */
export class NoteKey {
  readonly name: string;
  readonly vkey: string;
  readonly id: Buffer;
  readonly #private: KeyObject;

  constructor(name: string, seed: string) {
    const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), sha256(seed)]);
    this.#private = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#private).export({ format: "der", type: "spki" });
    const typed = Buffer.concat([Uint8Array.of(1), spki.subarray(-32)]);
    this.name = name;
    this.id = sha256(`${name}\n`, typed).subarray(0, 4);
    this.vkey = `${name}+${this.id.toString("hex")}+${typed.toString("base64")}`;
  }

  /** Signature line over a note's text. */
  line(text: string, change: (signature: Buffer) => Uint8Array = (signature) => signature): string {
    const signature = change(sign(null, Buffer.from(text), this.#private));
    return `\u2014 ${this.name} ${Buffer.concat([this.id, signature]).toString("base64")}\n`;
  }
}

/** Text of a trace event, format 1; the same for the same number. */
export function eventText(number: number, other: Readonly<Record<string, unknown>> = {}): string {
  const time = {
    given: `2026-03-01T09:${String(number % 60).padStart(2, "0")}:00+01:00`,
    utc: "2026-03-01T08:00:00.000Z",
  };
  const institution = number % 2 === 0 ? "hospital-a" : "laboratory-b";
  return canonical({
    format: 1,
    id: sha256(`event ${number}`).toString("hex"),
    institution,
    source: { format: "fhir-r4", type: "AuditEvent", system: "ehr", digest: "hmac-sha256:00", index: 0, flags: [] },
    activity: { kind: "read", codes: [{ code: "read", system: "http://hl7.org/fhir/restful-interaction" }] },
    outcome: "success",
    occurred: { start: time, end: time },
    recorded: time,
    received: { given: "2026-03-01T08:00:01.000Z", utc: "2026-03-01T08:00:01.000Z" },
    purposes: [{ code: "TREAT" }],
    breakGlass: false,
    consents: [],
    agents: [{ id: `${institution}/Practitioner/${number % 7}`, kind: "person", roles: ["Ärztin"], requestor: true }],
    records: [{ id: `${institution}/DiagnosticReport/${number}`, type: "DiagnosticReport", role: "used" }],
    recipients: [],
    subjects: ["c3ViamVjdA"],
    joins: [],
    sealed: {
      alg: "A256GCM",
      subject: "c3ViamVjdA",
      iv: "AAAAAAAAAAAAAAAA",
      data: sha256(`s${number}`).toString("base64url"),
    },
    nonce: sha256(`nonce ${number}`).toString("base64url"),
    ...other,
  });
}

/** A ledger of blocks under one key. */
export class TestLedger {
  readonly key: NoteKey;
  readonly origin: string;
  readonly blocks: string[] = [];
  readonly #anchored: Anchored[] = [];

  constructor(origin = "ledger.example/region", seed = "seed") {
    this.origin = origin;
    this.key = new NoteKey(origin, seed);
  }

  /** Anchors a batch for each of these lists of event texts, all in one block; gives the batches' places. */
  anchor(owner: string, stream: string, ...lists: readonly (readonly string[])[]): number[] {
    const number = this.blocks.length;
    const places: number[] = [];
    for (const texts of lists) {
      const before = this.#anchored.filter((one) => one.owner === owner && one.batch.stream === stream).at(-1)?.batch;
      const first = before?.end ?? 0;
      const batch = {
        format: 1,
        stream,
        sequence: before === undefined ? 0 : before.sequence + 1,
        first,
        end: first + texts.length,
        count: texts.length,
        root: treeHash(texts).toString("hex"),
        previous: before === undefined ? "0".repeat(64) : sha256(canonical(before)).toString("hex"),
      };
      places.push(this.#anchored.push({ owner, batch, block: number, texts }) - 1);
    }
    const transactions = places.map((place) => this.#anchored[place] as Anchored);
    const previous = this.blocks.at(-1);
    this.blocks.push(
      canonical({
        format: 1,
        number,
        previous: previous === undefined ? "0".repeat(64) : leaf(previous).toString("hex"),
        transactions: transactions.map(({ owner: by, batch }) => ({
          id: sha256(canonical({ by, batch })).toString("hex"),
          owner: by,
          batch,
        })),
      }),
    );
    return places;
  }

  /** Text of the checkpoint over all blocks, before its signatures. */
  checkpointText(): string {
    return `${this.origin}\n${this.blocks.length}\n${treeHash(this.blocks).toString("base64")}\n`;
  }

  checkpoint(...keys: readonly NoteKey[]): string {
    const text = this.checkpointText();
    return `${text}\n${(keys.length === 0 ? [this.key] : keys).map((key) => key.line(text)).join("")}`;
  }

  /** Evidence for events, each named by its batch's place and its index there. */
  evidence(...wanted: readonly (readonly [place: number, index: number])[]): TestEvidence {
    const places = [...new Set(wanted.map(([place]) => place))];
    const anchored = places.map((place) => this.#anchored[place] as Anchored);
    const numbers = [...new Set(anchored.map((one) => one.block))];
    return {
      format: "medtrace-evidence/1",
      events: wanted.map(([place, index]) => {
        const { texts } = this.#anchored[place] as Anchored;
        return { event: texts[index] as string, batch: places.indexOf(place), index, path: auditPath(index, texts) };
      }),
      batches: anchored.map(({ owner, batch }) => ({ owner, batch: { ...batch } })),
      ledger: {
        kind: "embedded",
        checkpoint: this.checkpoint(),
        key: this.key.vkey,
        blocks: numbers.map((number) => ({
          block: this.blocks[number] as string,
          path: auditPath(number, this.blocks),
        })),
      },
    };
  }
}

/** A ledger of five blocks and its evidence for five events of three batches; made anew for every test. */
export function sample(): { ledger: TestLedger; evidence: TestEvidence } {
  const ledger = new TestLedger();
  const range = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => eventText(from + i));
  const [a = 0] = ledger.anchor("HospitalAMSP", "log-0", range(0, 7));
  const [b = 0] = ledger.anchor("HospitalAMSP", "log-0", range(10, 12));
  const [, c = 0] = ledger.anchor("LaboratoryBMSP", "log-1", range(30, 3), range(40, 1));
  ledger.anchor("HospitalAMSP", "log-0", range(50, 5));
  ledger.anchor("HospitalAMSP", "log-0", range(60, 2));
  return { ledger, evidence: ledger.evidence([a, 0], [a, 6], [b, 5], [c, 0], [b, 11]) };
}

/** The evidence that src/golden keeps, and the key that signed it. */
export function goldenEvidence(): { text: string; key: string } {
  const { ledger } = sample();
  return { text: `${JSON.stringify(ledger.evidence([0, 2], [1, 11], [3, 0]), null, 2)}\n`, key: ledger.key.vkey };
}
