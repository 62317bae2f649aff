/** X.509 certificates (RFC 5280), as much of them as Fabric's identities need: ECDSA keys, and who may sign what. */
import { type Bytes, fromBase64, toHex } from "./bytes.ts";
import {
  BIT_STRING,
  type Element,
  INTEGER,
  OCTET_STRING,
  OID,
  readBitString,
  readElements,
  readExactly,
  readOne,
  readTime,
  readUnsigned,
  SEQUENCE,
  SET,
} from "./der.ts";
import { isEcdsaSignedBy, P256, P384, type PublicKey } from "./ecdsa.ts";
import { Fault } from "./verdict.ts";

export interface Certificate {
  /** The signed part. */
  readonly tbs: Bytes;
  readonly signature: Bytes;
  readonly hash: "SHA-256" | "SHA-384";
  /** Names, as their DER in hex. */
  readonly issuer: string;
  readonly subject: string;
  /** The subject's common name, for people. */
  readonly commonName: string;
  readonly organisationalUnits: readonly string[];
  /** ms since 1970; both are part of the validity. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: PublicKey;
  readonly isCa: boolean;
  /** CA certificates that may follow before the last one; undefined: any number. */
  readonly pathLengthMax: number | undefined;
  readonly mayDigitallySign: boolean;
  readonly mayIssue: boolean;
  /** Key identifiers, hex; empty where the certificate has none. */
  readonly keyId: string;
  readonly issuerKeyId: string;
}

const CERTIFICATE_BYTES_MAX = 16_384;
const ALGORITHMS: Readonly<Record<string, "SHA-256" | "SHA-384">> = {
  "2a8648ce3d040302": "SHA-256",
  "2a8648ce3d040303": "SHA-384",
};
const CURVES: Readonly<Record<string, PublicKey["curve"]>> = { "2a8648ce3d030107": P256, "2b81040022": P384 };
const EC_PUBLIC_KEY = "2a8648ce3d0201";
const COMMON_NAME = "550403";
const ORGANISATIONAL_UNIT = "55040b";
const SUBJECT_KEY_ID = "551d0e";
const KEY_USAGE = "551d0f";
const BASIC_CONSTRAINTS = "551d13";
const AUTHORITY_KEY_ID = "551d23";
const EXTENDED_KEY_USAGE = "551d25";
/** A certificate that calls another extension critical must be refused by whoever doesn't know it (section 4.2). */
const KNOWN = [SUBJECT_KEY_ID, KEY_USAGE, BASIC_CONSTRAINTS, AUTHORITY_KEY_ID, EXTENDED_KEY_USAGE];
const [VERSION, EXTENSIONS, BOOLEAN, KEY_IDENTIFIER] = [0xa0, 0xa3, 0x01, 0x80];

/** Every certificate in a text, each in PEM by itself; RFC 7468 section 2 allows other text around them. */
export function pemsIn(text: string): readonly string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g) ?? [];
  return found.map((pem) => pem.replace(/\s*\n/g, "\n"));
}

/** The certificate of a PEM text (RFC 7468) that is nothing else; throws Fault. */
export function readPem(text: string, at: string): Certificate {
  const match = /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?$/.exec(text);
  const der = fromBase64((match?.[1] ?? "").replaceAll("\n", ""));
  if (match === null || der === undefined) throw new Fault(at, "not one certificate in PEM");
  return readCertificate(der, at);
}

/** Reads a certificate's DER; whether to trust it is another matter. Throws Fault. */
export function readCertificate(der: Bytes, at: string): Certificate {
  if (der.length > CERTIFICATE_BYTES_MAX) throw new Fault(at, `a certificate over ${CERTIFICATE_BYTES_MAX} bytes`);
  const [tbs, algorithm, bits, ...more] = readElements(readOne(der, SEQUENCE, at).content, at);
  if (tbs?.tag !== SEQUENCE || algorithm === undefined || bits?.tag !== BIT_STRING || more.length > 0) {
    throw new Fault(at, "a certificate is what is signed, the algorithm, and the signature");
  }
  const [version, serial, inner, issuer, validity, subject, key, extensions, ...other] = readElements(tbs.content, at);
  if (version?.tag !== VERSION || toHex(version.content) !== "020102" || serial?.tag !== INTEGER) {
    throw new Fault(at, "not a certificate of X.509 version 3");
  }
  if (inner === undefined || toHex(inner.whole) !== toHex(algorithm.whole)) {
    throw new Fault(at, "a certificate names two algorithms for its signature");
  }
  if (!issuer || !validity || !subject || !key || extensions?.tag !== EXTENSIONS || other.length > 0) {
    throw new Fault(at, "a certificate without its parts, or with others");
  }
  const [notBefore, notAfter] = readValidity(validity, at);
  return {
    tbs: tbs.whole,
    signature: readBitString(bits.content, at),
    hash: hashOf(algorithm, at),
    issuer: toHex(issuer.whole),
    subject: toHex(subject.whole),
    commonName: namesIn(subject, COMMON_NAME, at).join(", "),
    organisationalUnits: namesIn(subject, ORGANISATIONAL_UNIT, at),
    notBefore,
    notAfter,
    key: readKey(key, at),
    ...readExtensions(extensions, at),
  };
}

function hashOf(algorithm: Element, at: string): Certificate["hash"] {
  // ECDSA's identifiers have no parameters (RFC 5758 section 3.2); RSA's have.
  const [oid, ...parameters] = readElements(algorithm.content, at);
  const hash = oid?.tag === OID && parameters.length === 0 ? ALGORITHMS[toHex(oid.content)] : undefined;
  if (algorithm.tag === SEQUENCE && hash !== undefined) return hash;
  throw new Fault(at, "a certificate that is not signed by ECDSA with SHA-256 or SHA-384", "cannot-tell");
}

function readValidity(validity: Element, at: string): [number, number] {
  const [from, to, ...more] = readElements(validity.content, at);
  if (validity.tag !== SEQUENCE || from === undefined || to === undefined || more.length > 0) {
    throw new Fault(at, "a certificate without its validity");
  }
  return [readTime(from, at), readTime(to, at)];
}

function readKey(key: Element, at: string): PublicKey {
  const [algorithm = new Uint8Array(), bits = new Uint8Array()] = readExactly(key.content, [SEQUENCE, BIT_STRING], at);
  const [type, named] = readElements(algorithm, at).map(({ content }) => toHex(content));
  const curve = type === EC_PUBLIC_KEY ? CURVES[named ?? ""] : undefined;
  if (curve === undefined) throw new Fault(at, "a key that is not of curve P-256 or P-384", "cannot-tell");
  const point = readBitString(bits, at);
  if (point[0] === 4 && point.length === 1 + 2 * curve.bytes) return { curve, point };
  throw new Fault(at, "a key that is not an uncompressed point of its curve");
}

/** Values of one attribute in a distinguished name. */
function namesIn(name: Element, attribute: string, at: string): string[] {
  return readElements(name.content, at).flatMap((set) => {
    if (set.tag !== SET) throw new Fault(at, "a distinguished name that is none");
    return readElements(set.content, at).flatMap((pair) => {
      const [type, value] = readElements(pair.content, at);
      if (type?.tag !== OID || value === undefined) throw new Fault(at, "a distinguished name that is none");
      return toHex(type.content) === attribute ? [new TextDecoder().decode(value.content)] : [];
    });
  });
}

type Extended = Pick<Certificate, "isCa" | "pathLengthMax" | "mayDigitallySign" | "mayIssue" | "keyId" | "issuerKeyId">;

function readExtensions(extensions: Element, at: string): Extended {
  const values = new Map<string, Bytes>();
  for (const { content } of readElements(readOne(extensions.content, SEQUENCE, at).content, at)) {
    const parts = readElements(content, at);
    const isCritical = parts.length === 3;
    if (isCritical && (parts[1]?.tag !== BOOLEAN || toHex(parts[1].content) !== "ff")) {
      throw new Fault(at, "an extension that is neither critical nor not");
    }
    const [oid, value] = [parts[0], parts.at(-1)];
    if (oid?.tag !== OID || value?.tag !== OCTET_STRING || parts.length > 3) throw new Fault(at, "not an extension");
    const id = toHex(oid.content);
    if (values.has(id)) throw new Fault(at, "a certificate has one extension twice");
    if (isCritical && !KNOWN.includes(id))
      throw new Fault(at, `critical extension ${id} is not known here`, "cannot-tell");
    values.set(id, value.content);
  }
  const usage = readKeyUsage(values.get(KEY_USAGE), at);
  const { isCa, pathLengthMax } = readBasicConstraints(values.get(BASIC_CONSTRAINTS), at);
  const keyId = values.get(SUBJECT_KEY_ID);
  const authority = values.get(AUTHORITY_KEY_ID);
  const issuerKey = authority && readElements(readOne(authority, SEQUENCE, at).content, at)[0];
  return {
    isCa,
    pathLengthMax,
    mayDigitallySign: (usage & 0x80) !== 0,
    mayIssue: isCa && (usage & 0x04) !== 0,
    keyId: keyId === undefined ? "" : toHex(readOne(keyId, OCTET_STRING, at).content),
    issuerKeyId: issuerKey?.tag === KEY_IDENTIFIER ? toHex(issuerKey.content) : "",
  };
}

/** The first eight bits: digitalSignature is the highest, keyCertSign the sixth (section 4.2.1.3). */
function readKeyUsage(value: Bytes | undefined, at: string): number {
  if (value === undefined) return 0;
  return readOne(value, BIT_STRING, at).content[1] ?? 0;
}

function readBasicConstraints(
  value: Bytes | undefined,
  at: string,
): { readonly isCa: boolean; readonly pathLengthMax: number | undefined } {
  const [ca, length, ...more] = value === undefined ? [] : readElements(readOne(value, SEQUENCE, at).content, at);
  const isCa = ca?.tag === BOOLEAN && toHex(ca.content) === "ff";
  if ((ca !== undefined && !isCa) || more.length > 0 || (length !== undefined && length.tag !== INTEGER)) {
    throw new Fault(at, "basic constraints that are none");
  }
  return { isCa, pathLengthMax: length === undefined ? undefined : Number(readUnsigned(length.content, at)) };
}

/** True where the certificate names this CA as its issuer; whether it signed is {@link isIssuedBy}'s to say. */
export function namesIssuer(certificate: Certificate, ca: Certificate): boolean {
  const sameKey = certificate.issuerKeyId === "" || ca.keyId === "" || certificate.issuerKeyId === ca.keyId;
  return certificate.issuer === ca.subject && sameKey;
}

/** True where the CA's key signed the certificate. */
export function isIssuedBy({ tbs, signature, hash }: Certificate, ca: Certificate, at: string): Promise<boolean> {
  return isEcdsaSignedBy(ca.key, { message: tbs, signature, hash, lowS: false }, at);
}
