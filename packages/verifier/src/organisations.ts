/** The organisations whose CAs the reader trusts, and whether an identity is one of theirs. */
import { type Bytes, fromUtf8, toHex } from "./bytes.ts";
import { type Certificate, isIssuedBy, namesIssuer, pemsIn, readPem } from "./certificate.ts";
import { type FabricTrust, readFabricTrust } from "./evidence.ts";
import { readMessage } from "./protobuf.ts";
import { parseStrict } from "./strict.ts";
import { Fault } from "./verdict.ts";

/** An MSP's CAs, intermediate ones after them, may be this many in a chain. */
const CHAIN_MAX = 8;
const AT = "--trust";

interface Organisation {
  readonly cas: readonly Certificate[];
  /** ms since 1970. */
  readonly since: number;
}

/** A member of an organisation: the organisation's CA issued the certificate. */
export interface Member {
  readonly organisation: string;
  readonly certificate: Certificate;
  /** The certificate, the CA that issued it, and so on to the root. */
  readonly chain: readonly Certificate[];
}

/** As Fabric's node OUs name it, in the certificate's subject. */
export type Role = "peer" | "client" | "admin" | "orderer";
const ROLES: readonly string[] = ["peer", "client", "admin", "orderer"] satisfies readonly Role[];

export class Organisations {
  /** Named by the trust, or empty where any will do. */
  readonly channel: string;
  readonly chaincode: string;
  readonly #organisations: ReadonlyMap<string, Organisation>;
  readonly #members: Map<string, Promise<Member>> = new Map();

  private constructor(channel: string, chaincode: string, organisations: ReadonlyMap<string, Organisation>) {
    this.channel = channel;
    this.chaincode = chaincode;
    this.#organisations = organisations;
  }

  /**
   * Reads what the reader trusts; texts of other forms than FabricTrust's are left out.
   *
   * @throws Fault `cannot-tell`: what the reader gave by mistake says nothing against the evidence.
   */
  static async read(trust: readonly string[]): Promise<Organisations> {
    const names = new Set<string>();
    const organisations = new Map<string, Organisation>();
    try {
      const given = trust
        .filter((text) => text.startsWith("{"))
        .map((text) => readFabricTrust(parseStrict(text, AT), AT));
      for (const { channel, chaincode } of given) names.add(`${channel ?? ""} ${chaincode ?? ""}`);
      for (const [name, members] of given.flatMap((one) => Object.entries(one.organisations))) {
        organisations.set(name, await readOrganisation(name, members, organisations.get(name)));
      }
    } catch (error) {
      if (error instanceof Fault) throw new Fault(AT, `${error.at}: ${error.message}`, "cannot-tell");
      throw error;
    }
    const [named = " ", ...others] = [...names].filter((name) => name !== " ");
    if (others.length > 0) throw new Fault(AT, "it names several channels or chaincodes", "cannot-tell");
    if (organisations.size === 0) {
      throw new Fault(
        AT,
        "no organisation's CA was given, and on Fabric nothing else can vouch for the file",
        "cannot-tell",
      );
    }
    const [channel = "", chaincode = ""] = named.split(" ");
    return new Organisations(channel, chaincode, organisations);
  }

  /** MSP ids, in order. */
  get names(): readonly string[] {
    return [...this.#organisations.keys()].sort();
  }

  /**
   * How many of them were on the channel at this time, ms since 1970. Those that endorsed count as there, whatever the
   * clocks say of the second in which they joined: so they are never more of the majority than of the whole.
   */
  countAt(time: number, endorsers: ReadonlySet<string>): number {
    return [...this.#organisations].filter(([name, { since }]) => since <= time || endorsers.has(name)).length;
  }

  /**
   * The member that a msp.SerializedIdentity is.
   *
   * @param role that its certificate must give it; undefined: any of Fabric's.
   * @param time at which every certificate of the chain must be valid, ms since 1970.
   * @throws Fault `refuted`, or `cannot-tell` where a CA is missing.
   */
  async member(identity: Bytes, role: Role | undefined, time: number, at: string): Promise<Member> {
    const key = toHex(identity);
    const reading = this.#members.get(key) ?? this.#read(identity);
    this.#members.set(key, reading);
    const member = await reading.catch((error: unknown) => {
      throw error instanceof Fault ? new Fault(at, error.message, error.outcome) : error;
    });
    const { organisation, certificate, chain } = member;
    const roles = certificate.organisationalUnits.filter((unit) => ROLES.includes(unit));
    if (roles.length !== 1 || (role !== undefined && roles[0] !== role)) {
      throw new Fault(at, `the certificate of ${organisation} is not that of a ${role ?? "member with one role"}`);
    }
    if (chain.every(({ notBefore, notAfter }) => notBefore <= time && time <= notAfter)) return member;
    throw new Fault(at, `a certificate of ${organisation} was not valid at ${new Date(time).toISOString()}`);
  }

  /** The same for every place where the identity is met. */
  async #read(identity: Bytes): Promise<Member> {
    const at = "";
    const parts = readMessage(identity, "SerializedIdentity", at, { mspid: [1, "bytes"], idBytes: [2, "bytes"] });
    const organisation = fromUtf8(parts.mspid) ?? "";
    const known = this.#organisations.get(organisation);
    const certificate = readPem(fromUtf8(parts.idBytes) ?? "", at);
    if (known === undefined) throw new Fault(at, `no CA of ${JSON.stringify(organisation)} was given`, "cannot-tell");
    if (certificate.isCa || !certificate.mayDigitallySign) throw new Fault(at, "a certificate that may not sign this");
    return { organisation, certificate, chain: await chainOf(certificate, known.cas, organisation, at) };
  }
}

async function readOrganisation(
  name: string,
  given: FabricTrust["organisations"][string],
  before: Organisation | undefined,
): Promise<Organisation> {
  const at = `${AT}, ${name}`;
  const cas = [...given.roots, ...given.intermediates].flatMap(pemsIn).map((text) => readPem(text, at));
  if (cas.length === 0) throw new Fault(at, "no certificate in PEM");
  const all = [...(before?.cas ?? []), ...cas];
  for (const ca of cas) {
    if (!ca.mayIssue) throw new Fault(at, `${ca.commonName} is not a CA's certificate`);
    await chainOf(ca, all, name, at);
  }
  const since = given.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(given.since);
  if (Number.isNaN(since)) throw new Fault(at, "since when it was on the channel is no time");
  return { cas: all, since: Math.max(since, before?.since ?? since) };
}

/** From a certificate to a CA that signed itself, each signed by the next; throws Fault. */
async function chainOf(
  certificate: Certificate,
  cas: readonly Certificate[],
  organisation: string,
  at: string,
): Promise<readonly Certificate[]> {
  const chain = [certificate];
  for (let last = certificate; chain.length <= CHAIN_MAX; ) {
    const isRoot = cas.includes(last) && last.issuer === last.subject;
    if (isRoot && (await isIssuedBy(last, last, at))) return chain;
    if (isRoot) throw new Fault(at, `${last.commonName} did not sign its own certificate`);
    const issuers = cas.filter((ca) => namesIssuer(last, ca));
    if (issuers.length === 0) {
      throw new Fault(
        at,
        `the CA that issued ${last.commonName} is not among those given for ${organisation}`,
        "cannot-tell",
      );
    }
    let issuer: Certificate | undefined;
    for (const ca of issuers) if (issuer === undefined && (await isIssuedBy(last, ca, at))) issuer = ca;
    if (issuer === undefined)
      throw new Fault(at, `${last.commonName} was not issued by the CA of ${organisation} that it names`);
    // RFC 5280 section 4.2.1.9: the CAs between this one and the certificate itself.
    const between = chain.slice(1).filter((one) => one.issuer !== one.subject).length;
    if (issuer.pathLengthMax !== undefined && between > issuer.pathLengthMax) {
      throw new Fault(at, `${issuer.commonName} may not issue through so many others`);
    }
    chain.push(issuer);
    last = issuer;
  }
  throw new Fault(at, `a chain of over ${CHAIN_MAX} certificates`);
}
