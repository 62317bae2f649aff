/** Evidence of Fabric: what proves an event, and forgeries that a naive verifier would take. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readTrust } from "./files.ts";
import { reportText } from "./report.ts";
import { canonical, eventText, treeHash } from "./testing/ledger.ts";
import {
  type Call,
  der,
  extension,
  type FabricEvidence,
  Identity,
  TestNetwork,
  transactionId,
} from "./testing/network.ts";
import type { Outcome, Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

const GOLDEN = fileURLToPath(new URL("golden/fabric", import.meta.url));
const network = new TestNetwork();
const B = "HospitalBMSP";

const verify = (file: FabricEvidence, ...trust: string[]): Promise<Verdict> =>
  verifyEvidence(JSON.stringify(file), { trust: trust.length === 0 ? [network.trust()] : trust });

const set = (change: Partial<Call>) => (call: Call) => {
  Object.assign(call, change);
};

async function said(outcome: Outcome, reason: RegExp, file: FabricEvidence, ...trust: string[]): Promise<void> {
  const verdict = await verify(file, ...trust);
  assert.equal(verdict.verdict, outcome, verdict.reasons.join("\n"));
  assert.match(verdict.reasons.join("\n"), reason);
  assert.deepEqual(verdict.proved, []);
}

describe("evidence that a real channel gave", () => {
  const text = readFileSync(`${GOLDEN}/evidence.json`, "utf8");

  it("is proven by the organisations' CAs alone, and its report says what it said", async () => {
    const verdict = await verifyEvidence(text, { trust: await readTrust(`${GOLDEN}/cas`) });
    assert.deepEqual(verdict.reasons, []);
    assert.equal(reportText(verdict), readFileSync(`${GOLDEN}/report.txt`, "utf8"));
  });

  it("cannot be told without a CA, with a ledger key, or with one organisation's CA alone", async () => {
    const key = readFileSync(`${GOLDEN}/../key.txt`, "utf8").trim();
    const one = await readTrust(`${GOLDEN}/cas/HospitalAMSP.pem`);
    for (const trust of [[], [key], one]) {
      const verdict = await verifyEvidence(text, { trust });
      assert.equal(verdict.verdict, "cannot-tell", verdict.reasons.join());
    }
  });

  it("is not proven by CAs of the same names with other keys", async () => {
    const verdict = await verifyEvidence(text, { trust: [network.trust()] });
    assert.equal(verdict.verdict, "cannot-tell");
    assert.match(verdict.reasons.join(), /the CA that issued peer0\.hospital-a\.medtrace is not among those given/);
  });
});

describe("evidence whose peers, transaction and read agree", () => {
  it("is proven, and says who endorsed, when, and in which block", async () => {
    const verdict = await verify(network.evidence());
    assert.deepEqual(verdict.reasons, []);
    assert.deepEqual(verdict.fabric, {
      channel: "medtrace",
      chaincode: "medtrace",
      organisations: ["HospitalAMSP", B, "SupervisorMSP"],
    });
    const { anchor } = verdict.events[0] ?? {};
    assert.equal(anchor?.block, 9);
    assert.deepEqual(anchor?.endorsed?.writtenBy, ["HospitalAMSP", "SupervisorMSP"]);
  });

  it("is proven by intermediate CAs, where every one of them is given", async () => {
    const root = network.ca(B);
    const between = new Identity(B, { commonName: "between", issuer: root, isCa: true, pathLength: 0 });
    const peer = new Identity(B, { commonName: "peer9", units: ["peer", "ward"], issuer: between });
    const endorsers = [network.peer("HospitalAMSP"), peer];
    const file = network.evidence({ read: (call) => void Object.assign(call, { endorsers }) });
    const given = { organisations: { [B]: { roots: [], intermediates: [between.pem] } } };
    assert.equal((await verify(file, network.trust(), JSON.stringify(given))).verdict, "proven");
    await said("cannot-tell", /the CA that issued peer9 is not among those given/, file);
    await said("cannot-tell", /--trust, HospitalBMSP: the CA that issued between is not/, file, JSON.stringify(given));
  });

  it("is proven by keys of P-384, with extensions that a CA adds for itself, and roles beside other units", async () => {
    const issuer = new Identity(B, { commonName: "large", isCa: true, curve: "P-384" });
    const attributes = extension("2a0304050607080801", false, der(0x0c, Buffer.from('{"attrs":{}}')));
    const units = ["ward-7", "peer", "radiology"];
    const peer = new Identity(B, { commonName: "peer9", units, issuer, curve: "P-384", extensions: [attributes] });
    const small = new Identity(B, { commonName: "peer8", units, issuer });
    const given = JSON.stringify({ organisations: { [B]: { roots: [issuer.pem], intermediates: [] } } });
    for (const other of [peer, small]) {
      const endorsers = [network.peer("HospitalAMSP"), other];
      const verdict = await verify(network.evidence({ read: set({ endorsers }) }), network.trust(), given);
      assert.deepEqual(verdict.reasons, []);
    }
  });

  describe("on a channel that others joined later", () => {
    const joined = new TestNetwork(["CMSP", "DMSP", "EMSP"]);
    const later = JSON.parse(joined.trust()) as { organisations: Record<string, object> };
    for (const one of Object.values(later.organisations)) Object.assign(one, { since: "2027-01-01T00:00:00Z" });
    const trust = [network.trust(), JSON.stringify(later)];
    const reading = (seconds: number, ...endorsers: Identity[]) =>
      network.evidence({ read: set({ seconds, endorsers: [...endorsers, network.peer("HospitalAMSP")] }) });

    it("is proven where most organisations of its time endorsed the transaction, and most of all the read", async () => {
      const all = [joined.peer("CMSP"), joined.peer("DMSP"), network.peer(B)];
      assert.equal((await verify(reading(1_800_000_000, ...all), ...trust)).verdict, "proven");
      assert.equal((await verify(reading(1_790_000_000, ...all), ...trust)).verdict, "proven");
      const file = reading(1_800_000_000, ...all);
      await said("cannot-tell", /transaction: 2 of 6 organisations endorsed/, file, network.trust(), joined.trust());
    });

    it("cannot be told where fewer endorsed the read, whatever time it bears: anyone may write an earlier one", async () => {
      await said("cannot-tell", /read: 2 of 6 organisations endorsed/, network.evidence(), ...trust);
      await said("cannot-tell", /read: 2 of 6 organisations/, reading(1_800_000_000, network.peer(B)), ...trust);
      await said("cannot-tell", /read: 1 of 6 organisations/, reading(1_780_000_000), ...trust);
    });
  });
});

describe("a transaction that did not write the batch", () => {
  const cases: readonly [string, RegExp, (call: Call) => void][] = [
    ["writes nothing", /writes 0 batches/, set({ writes: [] })],
    [
      "writes to another chaincode",
      /writes 0 batches/,
      (call) => void Object.assign(call, { writes: call.writes.map((write) => ({ ...write, namespace: "x" })) }),
    ],
    [
      "writes another key",
      /writes another batch: batch\/Hosp/,
      (call) => first(call.writes, { key: "batch/HospitalAMSP/log-0/1" }),
    ],
    [
      "writes another owner's",
      /writes another batch/,
      (call) => first(call.writes, { key: "batch/HospitalBMSP/log-0/0" }),
    ],
    [
      "writes two",
      /writes 2 batches/,
      (call) => void call.writes.push({ namespace: "medtrace", key: "batch/HospitalAMSP/log-0/1", value: "v" }),
    ],
    ["deletes it", /deletes the batch/, (call) => first(call.writes, { isDelete: true })],
    ["failed", /answered 500/, set({ status: 500 })],
    ["writes no batch", /batches\[0\]/, (call) => first(call.writes, { value: "{}" })],
    [
      "names another transaction",
      /names another transaction/,
      (call) => first(call.writes, { value: call.payload.replace(/(?<="transaction":").{8}/, "01234567") }),
    ],
  ];
  for (const [name, reason, transaction] of cases) {
    it(`is refuted: it ${name}`, async () => said("refuted", reason, network.evidence({ transaction })));
  }

  it("is refuted: the root is another", async () => {
    const root = treeHash([eventText(9)]).toString("hex");
    const file = network.evidence({
      transaction: (call) => first(call.writes, { value: call.payload.replace(/"root":"\w+"/, `"root":"${root}"`) }),
    });
    await said("refuted", /batches\[0\]\.batch\.root: not what the transaction anchored; different: root/, file);
  });

  it("is refuted: another organisation's key signed it, or nobody's", async () => {
    const theirs = network.client(B);
    const signedBy = (submitter: Identity | undefined) => network.evidence({ transaction: set({ submitter }) });
    await said("refuted", /not a signature of user\.HospitalAMSP/, signedBy(theirs));
    await said("refuted", /transaction: DER/, signedBy(undefined));
    const creator = theirs.serialized();
    const value = (call: Call): string =>
      canonical({ ...(JSON.parse(call.payload) as { batch: object }), transaction: transactionId(creator) });
    const file = network.evidence({
      transaction: (call) => {
        first(call.writes, { value: value(call) });
        Object.assign(call, { creator, submitter: theirs });
      },
      read: (call) => void Object.assign(call, { payload: value(call) }),
    });
    await said("refuted", /signed by HospitalBMSP, but the batch is said to be HospitalAMSP's/, file);
  });
});

describe("a read that does not show the batch committed", () => {
  const key = "batch/HospitalAMSP/log-0/0";
  const cases: readonly [string, RegExp, (call: Call) => void][] = [
    ["of another batch", /not a read of batch/, set({ args: ["readBatch", "HospitalAMSP", "log-0", "1"] })],
    ["of a head", /not a read of batch/, set({ args: ["readHead", "HospitalAMSP", "log-0"] })],
    ["that anchors", /not a read of batch/, set({ args: ["anchorBatch", "HospitalAMSP", "log-0", "0"] })],
    ["that found nothing", /found no batch; it answered 200/, set({ payload: "" })],
    ["that failed", /found no batch; it answered 404/, set({ status: 404 })],
    [
      "that found other bytes",
      /not what the transaction wrote/,
      (call) => void Object.assign(call, { payload: `${call.payload} ` }),
    ],
    ["that writes", /a read that writes/, (call) => void call.writes.push({ namespace: "x", key, value: "v" })],
    ["that read other state alone", /did not read the committed batch alone/, (call) => void call.reads.pop()],
    ["of what is in no block", /did not read the committed/, set({ reads: [{ namespace: "medtrace", key }] })],
    [
      "of two keys",
      /did not read the committed/,
      (call) => void call.reads.push({ namespace: "medtrace", key, block: 1 }),
    ],
    ["that was submitted", /a read is not submitted/, set({ submitter: network.client("HospitalAMSP") })],
  ];
  for (const [name, reason, read] of cases) {
    it(`is refuted: ${name}`, async () => said("refuted", reason, network.evidence({ read })));
  }

  it("is refuted: the transaction in the place of its own read", async () => {
    const file = network.evidence();
    const [anchor] = file.ledger.anchors;
    assert.ok(anchor);
    anchor.read = anchor.transaction;
    await said("refuted", /a read is not submitted/, file);
  });
});

describe("a file of another ledger", () => {
  it("is refuted: another channel or chaincode, in one envelope or in what the reader trusts", async () => {
    await said("refuted", /of other\/medtrace, not of medtrace/, network.evidence({ read: set({ channel: "other" }) }));
    await said("refuted", /of medtrace\/x, not of/, network.evidence({ read: set({ chaincode: "x" }) }));
    await said("refuted", /several chaincodes/, network.evidence({ read: set({ answering: "x" }) }));
    const trust = network.trust(undefined, { channel: "other", chaincode: "medtrace" });
    await said("refuted", /of medtrace\/medtrace, not of other\/medtrace/, network.evidence(), trust);
    const named = network.trust(undefined, { channel: "medtrace", chaincode: "medtrace" });
    assert.equal((await verify(network.evidence(), named)).verdict, "proven");
    await said("cannot-tell", /several channels/, network.evidence(), named, trust);
  });

  it("is refuted: anchors and batches that are not one to one", async () => {
    const { ledger, ...rest } = network.evidence();
    const anchors = [...ledger.anchors, ...ledger.anchors];
    await said("refuted", /not one for each batch/, { ...rest, ledger: { ...ledger, anchors } });
    const batches = [...rest.batches, ...rest.batches];
    const events = rest.events.map((event, batch) => ({ ...event, batch }));
    await said("refuted", /lists batch .* twice/, { ...rest, events, batches, ledger: { ...ledger, anchors } });
  });
});

function first<T extends object>(items: readonly T[], change: Partial<T>): void {
  Object.assign(items[0] as T, change);
}
