/** Signatures and certificates that a naive verifier would take for a majority's. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Call, der, extension, type FabricEvidence, Identity, raised, TestNetwork } from "./testing/network.ts";
import type { Outcome } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const network = new TestNetwork();
const B = "HospitalBMSP";

async function said(outcome: Outcome, reason: RegExp, file: FabricEvidence, ...trust: string[]): Promise<void> {
  const verdict = await verifyEvidence(JSON.stringify(file), { trust: trust.length === 0 ? [network.trust()] : trust });
  assert.equal(verdict.verdict, outcome, verdict.reasons.join("\n"));
  assert.match(verdict.reasons.join("\n"), reason);
  assert.deepEqual(verdict.proved, []);
}

type Case = readonly [name: string, outcome: Outcome, reason: RegExp, change: (call: Call) => void];

const set = (change: Partial<Call>) => (call: Call) => {
  Object.assign(call, change);
};

/** The forgery in the transaction, and the same in the read. */
function forgeries(cases: readonly Case[]): void {
  for (const [name, outcome, reason, change] of cases) {
    it(`is no proof: ${name}`, async () => {
      await said(outcome, reason, network.evidence({ transaction: change }));
      await said(outcome, reason, network.evidence({ read: change }));
    });
  }
}

/** Endorsed by hospital A's peer and this one. */
const alsoBy = (identity: Identity) => (call: Call) => {
  call.endorsers = [network.peer("HospitalAMSP"), identity];
};

const signing = (change: (endorsement: ReturnType<Call["endorse"]>, bytes: Buffer) => object) => (call: Call) => {
  const { endorse } = call;
  call.endorse = (identity, bytes) => {
    const endorsement = endorse(identity, bytes);
    return { ...endorsement, ...change(endorsement, bytes) };
  };
};

describe("an endorsement that endorses nothing", () => {
  const [A, other] = [network.peer("HospitalAMSP"), new TestNetwork()];
  forgeries([
    ["one organisation alone", "cannot-tell", /1 of 3 organisations endorsed it/, set({ endorsers: [A] })],
    [
      "two peers of one organisation",
      "cannot-tell",
      /1 of 3 organisations endorsed it/,
      set({ endorsers: [A, network.peer("HospitalAMSP", 1)] }),
    ],
    ["nobody", "refuted", /nobody endorsed it/, set({ endorsers: [] })],
    ["one peer twice", "refuted", /one peer endorsed twice/, (call) => void call.endorsers.push(A)],
    ["a client", "refuted", /not that of a peer/, alsoBy(network.client(B))],
    ["a CA", "refuted", /may not sign this/, alsoBy(network.ca(B))],
    ["a peer by a CA of the same name", "cannot-tell", /not among those given for HospitalBMSP/, alsoBy(other.peer(B))],
    [
      "an organisation that nobody named",
      "cannot-tell",
      /no CA of "X" was given/,
      (call) => {
        const { endorse } = call;
        call.endorse = (identity, bytes) =>
          identity === A
            ? endorse(identity, bytes)
            : {
                endorser: identity.serialized("X"),
                signature: identity.sign(Buffer.concat([bytes, identity.serialized("X")])),
              };
      },
    ],
    [
      "a peer that claims to be another organisation's",
      "cannot-tell",
      /the CA that issued peer0.HospitalAMSP is not among those given for HospitalBMSP/,
      (call) => {
        const { endorse } = call;
        const endorser = A.serialized(B);
        call.endorsers = [network.peer("SupervisorMSP"), A];
        call.endorse = (identity, bytes) =>
          identity === A ? { endorser, signature: A.sign(Buffer.concat([bytes, endorser])) } : endorse(identity, bytes);
      },
    ],
    [
      "signatures that leave the endorser out",
      "refuted",
      /not a signature of/,
      set({ endorse: (peer, bytes) => ({ endorser: peer.serialized(), signature: peer.sign(bytes) }) }),
    ],
    ["the higher s", "refuted", /not a signature of/, signing(({ signature }) => ({ signature: raised(signature) }))],
    ["no signature", "refuted", /default is written out/, signing(() => ({ signature: Buffer.of() }))],
    [
      "a byte after the signature",
      "refuted",
      /DER/,
      signing(({ signature }) => ({ signature: Buffer.concat([signature, Buffer.of(0)]) })),
    ],
    ["zeros", "refuted", /not a signature of/, signing(() => ({ signature: Buffer.from("3006020100020100", "hex") }))],
  ]);
});

describe("a certificate that certifies nothing", () => {
  const issuer = network.ca(B);
  const peer = { commonName: "peer9", units: ["peer"], issuer };
  const weak = new Identity(B, { commonName: "weak", isCa: true, usage: 0x80, issuer });
  const near = new Identity(B, { commonName: "near", isCa: true, pathLength: 0, issuer });
  const far = new Identity(B, { commonName: "far", isCa: true, issuer: near });
  const unknown = extension("2a030405", true, der(0x05));
  forgeries([
    ["expired", "refuted", /not valid at 2026/, alsoBy(new Identity(B, { ...peer, to: "260101000000Z" }))],
    ["of the future", "refuted", /not valid at 2026/, alsoBy(new Identity(B, { ...peer, from: "300101000000Z" }))],
    ["for no signatures", "refuted", /may not sign this/, alsoBy(new Identity(B, { ...peer, usage: 0x20 }))],
    ["of no role", "refuted", /not that of a peer/, alsoBy(new Identity(B, { ...peer, units: [] }))],
    ["of two roles", "refuted", /not that of a peer/, alsoBy(new Identity(B, { ...peer, units: ["peer", "client"] }))],
    [
      "signed by another key",
      "refuted",
      /peer9 was not issued by the CA/,
      alsoBy(new Identity(B, { ...peer, signedBy: network.client(B).key })),
    ],
    [
      "signed by itself",
      "cannot-tell",
      /not among those given/,
      alsoBy(new Identity(B, { commonName: "peer9", units: ["peer"] })),
    ],
    [
      "issued by a peer",
      "cannot-tell",
      /not among those given/,
      alsoBy(new Identity(B, { ...peer, issuer: network.peer(B) })),
    ],
    [
      "with a critical extension of its own",
      "cannot-tell",
      /critical extension 2a030405/,
      alsoBy(new Identity(B, { ...peer, extensions: [unknown] })),
    ],
    [
      "with an extension twice",
      "refuted",
      /one extension twice/,
      alsoBy(
        new Identity(B, {
          ...peer,
          extensions: [unknown, unknown].map(() => extension("551d0f", true, der(0x03, Buffer.of(0, 0x80)))),
        }),
      ),
    ],
  ]);

  it("is no proof: a CA that may not issue, or only members of its own", async () => {
    const trusting = (...cas: Identity[]): string =>
      JSON.stringify({ organisations: { [B]: { roots: [], intermediates: cas.map(({ pem }) => pem) } } });
    const by = (ca: Identity): FabricEvidence =>
      network.evidence({ read: alsoBy(new Identity(B, { ...peer, issuer: ca })) });
    await said("cannot-tell", /weak is not a CA's certificate/, by(weak), network.trust(), trusting(weak));
    await said("refuted", /near may not issue through so many/, by(far), network.trust(), trusting(near, far));
    const late = new TestNetwork();
    late.cas[B] = new Identity(B, { commonName: "late", isCa: true, to: "260101000000Z" });
    late.peers[B] = [new Identity(B, { ...peer, issuer: late.ca(B) })];
    const file = late.evidence({ read: set({ endorsers: [late.peer("HospitalAMSP"), late.peer(B)] }) });
    await said("refuted", /a certificate of HospitalBMSP was not valid at/, file, late.trust());
  });

  it("is no proof: one peer under two names, where two organisations have one CA", async () => {
    const given = { organisations: { X: { roots: [network.ca("HospitalAMSP").pem], intermediates: [] } } };
    const peer = network.peer("HospitalAMSP");
    const file = network.evidence({
      read: (call) => {
        let count = 0;
        call.endorsers = [peer, peer];
        call.endorse = (_, bytes) => {
          const endorser = peer.serialized(count++ === 0 ? "HospitalAMSP" : "X");
          return { endorser, signature: peer.sign(Buffer.concat([bytes, endorser])) };
        };
      },
    });
    await said("refuted", /one peer endorsed twice/, file, network.trust(), JSON.stringify(given));
  });

  it("leaves open what its own CA's certificate says, where that was altered", async () => {
    const altered = network.trust().replace(/(?<=BEGIN CERTIFICATE-----\\n[^-]{200}).{8}/, "AAAAAAAA");
    await said("cannot-tell", /^--trust/, network.evidence(), altered);
  });
});
