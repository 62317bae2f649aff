/** What changes on a channel that goes on: an institution comes, the chaincode gets its next version. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { StatusCode, type Transaction } from "@hyperledger/fabric-gateway";
import type { Batch } from "@medtrace/shared/model/batch";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import type { FabricTrust } from "@medtrace/shared/model/evidence";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { anchorChain, anchoredIn, batchAfter, blocksNow, newStream } from "@medtrace/shared/ports/ledger.contract.kit";
import { provenName } from "@medtrace/shared/ports/ledger.contract.proof";
import { realEngine } from "../../testing/real-engines.ts";
import { parseFabricUrl } from "./address.ts";
import { ChannelAudit } from "./audit/channel.ts";
import { readIdentity, readTlsCa } from "./identity.ts";
import type { FabricLedger } from "./ledger.ts";
import { Peer } from "./peers.ts";
import { anchorPatiently } from "./testing/anchoring.ts";
import { OwnNetwork } from "./testing/own-network.ts";
import { provenBatches } from "./testing/proven.ts";

const [A, B, NEWCOMER] = ["HospitalAMSP", "HospitalBMSP", "HospitalCMSP"] as const;
const TRIES_MAX = 100;
const WAIT_MS_MAX = 120_000;
const POLL_MS = 100;

/** A writer that anchors batch after batch of one stream until it is stopped, whatever passes by. */
class Writer {
  readonly stream: string = newStream();
  readonly batches: Batch[] = [];
  readonly #ledger: Ledger;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const batch = batchAfter(this.stream, this.batches.at(-1));
      await anchorPatiently(this.#ledger, batch, TRIES_MAX);
      this.batches.push(batch);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

interface Audited {
  readonly faults: readonly string[];
  /** Who endorses at the end. */
  readonly institutions: readonly string[];
  readonly lastHash: string;
}

/** What an audit from block 0 on says. */
async function audited(ledger: FabricLedger): Promise<Audited> {
  const audit = new ChannelAudit(ledger.address);
  const height = await ledger.height();
  const faults: string[] = [];
  let institutions: readonly string[] = [];
  let lastHash = "";
  for await (const followed of ledger.rawBlocks(0, new AbortController().signal)) {
    const block = audit.block(followed);
    faults.push(...block.faults.map((fault) => `block ${block.number} ${fault}`));
    institutions = block.institutions ?? institutions;
    lastHash = block.hash;
    if (block.number === height - 1) break;
  }
  return { faults, institutions, lastHash };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS_MAX; !(await holds()); await sleep(POLL_MS)) assert.ok(Date.now() < end);
}

async function gatewayOf(network: OwnNetwork, owner: string, preferred = 0): Promise<Peer> {
  const address = parseFabricUrl(network.url);
  const { identities, tlsCa } = network.settings;
  const peer = address.peers[preferred] as string;
  return new Peer(peer, address, await readTlsCa(tlsCa), await readIdentity(identities, owner));
}

/** How a transaction ended that just these organisations endorsed. */
async function statusOf(network: OwnNetwork, batch: Batch, organisations: string[]): Promise<number> {
  const gateway = await gatewayOf(network, A);
  try {
    const options = { arguments: [canonicalText(batch as unknown as Json)], endorsingOrganizations: organisations };
    const proposal = gateway.contract.newProposal("anchorBatch", options);
    let transaction: Transaction | undefined;
    // Peers hear of one another by and by.
    await until(async () => {
      transaction = await proposal.endorse({ deadline: Date.now() + 30_000 }).catch(() => undefined);
      return transaction !== undefined;
    });
    assert.ok(transaction !== undefined);
    const commit = await transaction.submit({ deadline: Date.now() + 30_000 });
    return (await commit.getStatus({ deadline: Date.now() + 30_000 })).code;
  } finally {
    gateway.close();
  }
}

if (realEngine("ledger") !== undefined) {
  test("an institution that comes anchors, counts in every majority, and leaves what was anchored as it was", async () => {
    await using network = await OwnNetwork.start();
    await using before = await network.open(A);
    await using other = await network.open(B);
    const streams = [newStream(), newStream()] as const;
    const [mine, theirs] = [await anchorChain(before, streams[0], 3), await anchorChain(other, streams[1], 1)];
    const refs = [...mine.map((batch) => ({ owner: A, ...batch })), ...theirs.map((batch) => ({ owner: B, ...batch }))];
    const [oldTrust, oldProof] = [await before.trustAnchor(), await before.prove(refs)];
    assert.equal(await statusOf(network, batchAfter(newStream()), [A, B]), StatusCode.VALID);

    const writer = new Writer(before);
    await network.run("add-institution.sh", "hospital-c");
    await writer.stop();

    await using newcomer = await network.open(NEWCOMER);
    const stream = newStream();
    const first = batchAfter(stream);
    await anchorPatiently(newcomer, first, TRIES_MAX);
    const own = [first, ...(await anchorChain(newcomer, stream, 2, first))];
    assert.deepEqual((await before.readHead(NEWCOMER, stream))?.batch, own.at(-1));

    // Two of four are no majority; three are.
    assert.equal(await statusOf(network, batchAfter(newStream()), [A, B]), StatusCode.ENDORSEMENT_POLICY_FAILURE);
    assert.equal(await statusOf(network, batchAfter(newStream()), [A, B, NEWCOMER]), StatusCode.VALID);

    const trust = await newcomer.trustAnchor();
    const { organisations } = JSON.parse(trust) as FabricTrust;
    assert.deepEqual(
      Object.entries(organisations).map(([mspId, { since }]) => [mspId, since !== undefined]),
      [
        [A, false],
        [B, false],
        [NEWCOMER, true],
        ["SupervisorMSP", false],
      ],
    );
    const names = new Set(refs.map(({ owner, ...batch }) => provenName(owner, batch)));
    assert.deepEqual(provenBatches(oldProof, oldTrust), names);
    // What was read by the majority of before is read anew for who trusts the newcomer too.
    assert.throws(() => provenBatches(oldProof, trust), /a majority endorses/);
    assert.deepEqual(provenBatches(await newcomer.prove(refs), trust), names);
    const newcomers = own.map((batch) => ({ owner: NEWCOMER, ...batch }));
    assert.equal(provenBatches(await before.prove(newcomers), trust).size, own.length);

    assert.deepEqual(anchoredIn(await blocksNow(before, 0), A, writer.stream), writer.batches);
    const { faults, institutions } = await audited(newcomer);
    assert.deepEqual([faults, institutions], [[], [A, B, NEWCOMER, "SupervisorMSP"]]);
    // The same command again finds everything done.
    await network.run("add-institution.sh", "hospital-c");
  });

  test("the chaincode's next version takes over while batches go on, reads the old ones, and a lost peer gets both back", async () => {
    await using network = await OwnNetwork.start();
    await using ledger = await network.open(A);
    const stream = newStream();
    const old = await anchorChain(ledger, stream, 3);
    const folder = await mkdtemp(join(tmpdir(), "medtrace-chaincode-"));
    const main = join(folder, "main.mjs");
    await writeFile(main, NEXT_VERSION);
    const writer = new Writer(ledger);
    await network.run("upgrade.sh", main);
    await writer.stop();
    for (const preferred of [0, 1, 2]) {
      const gateway = await gatewayOf(network, A, preferred);
      const answer = await gateway.contract.newProposal("version", { arguments: [] }).evaluate();
      assert.equal(fromUtf8(answer), "2");
      gateway.close();
    }
    const refs = old.map((batch) => ({ owner: A, ...batch }));
    for (const ref of refs) assert.equal((await ledger.readBatch(ref))?.root, ref.root);
    assert.equal(provenBatches(await ledger.prove(refs), await ledger.trustAnchor()).size, refs.length);
    await ledger.anchorBatch(old[1] as Batch);
    const next = await anchorChain(ledger, stream, 2, old.at(-1));
    const blocks = await blocksNow(ledger, 0);
    assert.deepEqual(anchoredIn(blocks, A, stream), [...old, ...next]);
    assert.deepEqual(anchoredIn(blocks, A, writer.stream), writer.batches);
    assert.deepEqual((await audited(ledger)).faults, []);

    // What a peer lost comes back from the orderers, and with the version of now it endorses again.
    await network.run("rebuild-peer.sh", "hospital-b");
    const [, own] = parseFabricUrl(network.url).peers;
    await using rebuilt = await network.open(B, [own as string]);
    await until(async () => (await rebuilt.height()) >= (await ledger.height()));
    const again = await audited(rebuilt);
    assert.deepEqual([again.faults, again.lastHash], [[], (await audited(ledger)).lastHash]);
    assert.equal(await statusOf(network, batchAfter(newStream()), [A, B]), StatusCode.VALID);
    await rm(folder, { recursive: true });
  });
}

const urlOf = (path: string): string => JSON.stringify(new URL(`../../../../../${path}`, import.meta.url).href);
/** The contract as it is, and one function more. */
const NEXT_VERSION = `
import { chaincodeSettings } from ${urlOf("chaincode/src/fabric/config.ts")};
import { invoke } from ${urlOf("chaincode/src/fabric/host.ts")};
import { serve } from ${urlOf("chaincode/src/fabric/serve.ts")};
await serve(chaincodeSettings(), async (stub) =>
  stub.getFunctionAndParameters().fcn === "version"
    ? { status: 200, message: "", payload: Buffer.from("2") }
    : invoke(stub),
);
`;
