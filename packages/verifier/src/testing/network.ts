/**
 * Makes Fabric evidence for tests: organisations with keys of their own, and whatever they sign. DER and protobuf are
 * written here by node:crypto and a few lines that share nothing with the verifier. For tests only.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { auditPath, canonical, eventText, type TestBatch, treeHash } from "./ledger.ts";

export interface FabricEvidence {
  format: string;
  events: { event: string; batch: number; index: number; path: string[] }[];
  batches: { owner: string; batch: TestBatch }[];
  ledger: { kind: string; anchors: { transaction: string; read: string }[] };
}

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** A field of a message: a number, or bytes or text after their length. */
export function field(number: number, value: number | string | Uint8Array | undefined): Buffer {
  if (value === undefined) return Buffer.of();
  if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
  return Buffer.from([...bytes, rest]);
}

const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** An element of DER. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), content]);
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));

type CurveName = "P-256" | "P-384";

/** What goes with a curve: its hash in certificates, and the order of its group (SEC 2). */
const CURVES: Readonly<Record<CurveName, { hash: string; algorithm: Buffer; order: bigint }>> = {
  "P-256": {
    hash: "sha256",
    algorithm: der(0x30, oid("2a8648ce3d040302")),
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  "P-384": {
    hash: "sha384",
    algorithm: der(0x30, oid("2a8648ce3d040303")),
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
};

export interface CertificateOptions {
  readonly commonName: string;
  readonly curve?: CurveName;
  readonly units?: readonly string[];
  /** Default: itself. */
  readonly issuer?: Identity;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  /** First byte of the key usage; by default what a CA or a member needs. */
  readonly usage?: number;
  /** `YYMMDDHHMMSSZ` */
  readonly from?: string;
  readonly to?: string;
  readonly extensions?: readonly Buffer[];
  /** Signs instead of the issuer's key. */
  readonly signedBy?: KeyObject;
}

/** A key, its certificate, and the MSP id that it goes by. */
export class Identity {
  readonly organisation: string;
  readonly curve: CurveName;
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly keyId: Buffer;
  readonly pem: string;

  constructor(organisation: string, options: CertificateOptions) {
    const { commonName, units = [], issuer, isCa = false, pathLength, from = "250101000000Z" } = options;
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: options.curve ?? "P-256" });
    const spki = publicKey.export({ format: "der", type: "spki" });
    this.organisation = organisation;
    this.curve = options.curve ?? "P-256";
    this.key = privateKey;
    this.keyId = sha256(spki);
    this.name = der(0x30, ...units.map((unit) => attribute("55040b", unit)), attribute("550403", commonName));
    const constraints = isCa
      ? [der(0x01, Buffer.of(0xff)), ...(pathLength === undefined ? [] : [der(0x02, Buffer.of(pathLength))])]
      : [];
    const extensions = [
      extension("551d0f", true, der(0x03, Buffer.of(0, options.usage ?? (isCa ? 0x06 : 0x80)))),
      extension("551d13", true, der(0x30, ...constraints)),
      extension("551d0e", false, der(0x04, this.keyId)),
      extension("551d23", false, der(0x30, der(0x80, (issuer ?? this).keyId))),
      ...(options.extensions ?? []),
    ];
    const { algorithm, hash } = CURVES[(issuer ?? this).curve];
    const tbs = der(
      0x30,
      der(0xa0, der(0x02, Buffer.of(2))),
      der(0x02, Buffer.of(1)),
      algorithm,
      (issuer ?? this).name,
      der(0x30, der(0x17, Buffer.from(from)), der(0x17, Buffer.from(options.to ?? "350101000000Z"))),
      this.name,
      spki,
      der(0xa3, der(0x30, ...extensions)),
    );
    const signature = sign(hash, tbs, options.signedBy ?? (issuer ?? this).key);
    this.pem = pemOf(der(0x30, tbs, algorithm, der(0x03, Buffer.of(0), signature)));
  }

  /** A msp.SerializedIdentity, by default of its own organisation. */
  serialized(organisation: string = this.organisation): Buffer {
    return message(field(1, organisation), field(2, this.pem));
  }

  /** ECDSA over SHA-256 with the lower of the two s, as Fabric signs. */
  sign(bytes: Uint8Array): Buffer {
    const plain = sign("sha256", bytes, { key: this.key, dsaEncoding: "ieee-p1363" });
    const half = plain.length / 2;
    const s = BigInt(`0x${plain.subarray(half).toString("hex")}`);
    const { order } = CURVES[this.curve];
    return signature(plain.subarray(0, half), s > order / 2n ? order - s : s);
  }
}

function signature(r: Uint8Array, s: bigint): Buffer {
  const number = (hex: string): Buffer => {
    const digits = hex.replace(/^(00)+/, "");
    return der(0x02, Buffer.from(/^[89a-f]/.test(digits) ? `00${digits}` : digits, "hex"));
  };
  return der(0x30, number(Buffer.from(r).toString("hex")), number(s.toString(16).padStart(96, "0")));
}

/** The other signature by the same P-256 key over the same bytes, which Fabric refuses. */
export function raised(low: Buffer): Buffer {
  const rLength = low[3] as number;
  const s = BigInt(`0x${low.subarray(6 + rLength).toString("hex")}`);
  return signature(low.subarray(4, 4 + rLength), CURVES["P-256"].order - s);
}

export function pemOf(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function attribute(type: string, value: string): Buffer {
  return der(0x31, der(0x30, oid(type), der(0x0c, Buffer.from(value))));
}

export function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return der(0x30, oid(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));
}

/** A proposal, the chaincode's answer to it, and who signs. */
export interface Call {
  channel: string;
  chaincode: string;
  /** Chaincode of the answer, where it is another. */
  answering?: string;
  seconds: number;
  args: string[];
  status: number;
  payload: string;
  reads: { namespace: string; key: string; block?: number }[];
  writes: { namespace: string; key: string; value: string; isDelete?: boolean }[];
  creator: Buffer;
  endorsers: Identity[];
  /** What an endorser signs, where it isn't the answer. */
  endorse: (identity: Identity, bytes: Buffer) => { endorser: Buffer; signature: Buffer };
  /** Signs the envelope's payload; undefined where it is not submitted. */
  submitter: Identity | undefined;
}

const NONCE: Buffer = Buffer.alloc(24, 7);
export const transactionId = (creator: Buffer): string => sha256(NONCE, creator).toString("hex");
const chaincodeId = (name: string): Buffer => field(2, name);

/** The envelope of a call, base64. */
export function envelope(call: Call): string {
  const signatureHeader = message(field(1, call.creator), field(2, NONCE));
  const channelHeader = message(
    field(1, 3),
    field(3, field(1, call.seconds)),
    field(4, call.channel),
    field(5, transactionId(call.creator)),
    field(7, field(2, chaincodeId(call.chaincode))),
  );
  const input = message(...call.args.map((arg) => field(1, arg)));
  const proposal = field(1, field(1, message(field(1, 2), field(2, chaincodeId(call.chaincode)), field(3, input))));
  const namespaces = new Set([...call.reads, ...call.writes].map(({ namespace }) => namespace));
  const sets = [...namespaces].map((namespace) =>
    field(2, message(field(1, namespace), field(2, setOf(call, namespace)))),
  );
  const result = message(
    field(1, message(...sets)),
    field(3, message(field(1, call.status), field(3, call.payload === "" ? undefined : call.payload))),
    field(4, chaincodeId(call.answering ?? call.chaincode)),
  );
  const response = message(field(1, sha256(channelHeader, signatureHeader, proposal)), field(2, result));
  const endorsements = call.endorsers.map((identity) => {
    const { endorser, signature: signed } = call.endorse(identity, response);
    return field(2, message(field(1, endorser), field(2, signed)));
  });
  const action = message(field(1, proposal), field(2, message(field(1, response), ...endorsements)));
  const transaction = field(1, message(field(1, signatureHeader), field(2, action)));
  const payload = message(field(1, message(field(1, channelHeader), field(2, signatureHeader))), field(2, transaction));
  return message(field(1, payload), field(2, call.submitter?.sign(payload))).toString("base64");
}

function setOf({ reads, writes }: Call, namespace: string): Buffer {
  return message(
    ...reads
      .filter((read) => read.namespace === namespace)
      .map(({ key, block }) =>
        field(1, message(field(1, key), field(2, block === undefined ? undefined : field(1, block)))),
      ),
    ...writes
      .filter((write) => write.namespace === namespace)
      .map(({ key, value, isDelete }) =>
        field(3, message(field(1, key), field(2, isDelete ? 1 : undefined), field(3, value))),
      ),
  );
}

interface Changes {
  readonly transaction?: (call: Call) => void;
  readonly read?: (call: Call) => void;
}

/** Three organisations, each with a CA, two peers and a client. */
export class TestNetwork {
  readonly cas: Record<string, Identity> = {};
  readonly peers: Record<string, Identity[]> = {};
  readonly clients: Record<string, Identity> = {};

  constructor(names: readonly string[] = ["HospitalAMSP", "HospitalBMSP", "SupervisorMSP"]) {
    for (const name of names) {
      const issuer = new Identity(name, { commonName: `ca.${name}`, isCa: true });
      this.cas[name] = issuer;
      this.peers[name] = [0, 1].map(
        (i) => new Identity(name, { commonName: `peer${i}.${name}`, units: ["peer"], issuer }),
      );
      this.clients[name] = new Identity(name, { commonName: `user.${name}`, units: ["client"], issuer });
    }
  }

  /** The first or second peer of an organisation. */
  peer(name: string, index = 0): Identity {
    return this.peers[name]?.[index] as Identity;
  }

  client(name: string): Identity {
    return this.clients[name] as Identity;
  }

  ca(name: string): Identity {
    return this.cas[name] as Identity;
  }

  /** Trust in these organisations' CAs, by default in all. */
  trust(names: readonly string[] = Object.keys(this.cas), more: object = {}): string {
    const organisations = Object.fromEntries(
      names.map((name) => [name, { roots: [this.ca(name).pem], intermediates: [] }]),
    );
    return JSON.stringify({ ...more, organisations });
  }

  /** Evidence of two of five events in one batch of HospitalAMSP. */
  evidence({ transaction, read }: Changes = {}): FabricEvidence {
    const owner = "HospitalAMSP";
    const texts = Array.from({ length: 5 }, (_, i) => eventText(i));
    const root = treeHash(texts).toString("hex");
    const batch = {
      format: 1,
      stream: "log-0",
      sequence: 0,
      first: 0,
      end: 5,
      count: 5,
      root,
      previous: "0".repeat(64),
    };
    const creator = this.client(owner).serialized();
    const key = `batch/${owner}/log-0/0`;
    const value = canonical({ batch, transaction: transactionId(creator) });
    const both = {
      channel: "medtrace",
      chaincode: "medtrace",
      status: 200,
      payload: value,
      creator,
      endorsers: [this.peer("HospitalAMSP"), this.peer("SupervisorMSP")],
      endorse: (identity: Identity, bytes: Buffer) => {
        const endorser = identity.serialized();
        return { endorser, signature: identity.sign(Buffer.concat([bytes, endorser])) };
      },
    };
    const writing: Call = {
      ...both,
      seconds: 1_790_000_000,
      args: ["anchorBatch", canonical(batch)],
      reads: [
        { namespace: "_lifecycle", key: "namespaces/fields/medtrace/Sequence", block: 4 },
        { namespace: "medtrace", key: `head/${owner}/log-0` },
      ],
      writes: [
        { namespace: "medtrace", key, value },
        { namespace: "medtrace", key: `head/${owner}/log-0`, value },
      ],
      submitter: this.client(owner),
    };
    const reading: Call = {
      ...both,
      seconds: 1_790_000_100,
      args: ["readBatch", owner, "log-0", "0"],
      reads: [
        { namespace: "_lifecycle", key: "namespaces/fields/medtrace/Sequence", block: 4 },
        { namespace: "medtrace", key, block: 9 },
      ],
      writes: [],
      submitter: undefined,
    };
    transaction?.(writing);
    read?.(reading);
    return {
      format: "medtrace-evidence/1",
      events: [1, 4].map((index) => ({
        event: texts[index] as string,
        batch: 0,
        index,
        path: auditPath(index, texts),
      })),
      batches: [{ owner, batch }],
      ledger: { kind: "fabric", anchors: [{ transaction: envelope(writing), read: envelope(reading) }] },
    };
  }
}
