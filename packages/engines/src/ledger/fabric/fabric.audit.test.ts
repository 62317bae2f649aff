/** An audit of a running channel: sound as the peer gives it, and found out whatever of it is changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { common, peer } from "@hyperledger/fabric-protos";
import type { Batch } from "@medtrace/shared/model/batch";
import { sha256 } from "@medtrace/shared/model/bytes";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { batchAfter, newStream } from "@medtrace/shared/ports/ledger.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openLedgerAudit } from "../open.ts";
import { parseFabricUrl } from "./address.ts";
import { ChannelAudit } from "./audit/channel.ts";
import { readBlock } from "./block.ts";
import { readIdentity, readTlsCa } from "./identity.ts";
import type { FabricLedger } from "./ledger.ts";
import { Peer } from "./peers.ts";
import { OwnNetwork } from "./testing/own-network.ts";

const OWNER = "HospitalAMSP";
const SUPERVISOR = "SupervisorMSP";
const RACES_MAX = 50;
const { TRANSACTIONS_FILTER, SIGNATURES } = common.BlockMetadataIndex;
const { VALID, MVCC_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE } = peer.TxValidationCode;

const url = realEngine("ledger");

type Change = (block: common.Block) => void;

/** Changes what one message of a chain of messages holds, from the outermost in. */
function inEnvelope(block: common.Block, place: number, change: (envelope: common.Envelope) => void): void {
  const data = block.getData() as common.BlockData;
  const list = data.getDataList_asU8();
  const envelope = common.Envelope.deserializeBinary(list[place] as Uint8Array);
  change(envelope);
  list[place] = envelope.serializeBinary();
  data.setDataList(list);
  // Whoever can change a block at rest can change its header, too.
  block.getHeader()?.setDataHash(sha256(Buffer.concat(list)));
}

function inAction(block: common.Block, place: number, change: (action: peer.ChaincodeEndorsedAction) => void): void {
  inEnvelope(block, place, (envelope) => {
    const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
    const transaction = peer.Transaction.deserializeBinary(payload.getData_asU8());
    const [first] = transaction.getActionsList();
    const content = peer.ChaincodeActionPayload.deserializeBinary(first?.getPayload_asU8() ?? new Uint8Array());
    change(content.getAction() as peer.ChaincodeEndorsedAction);
    first?.setPayload(content.serializeBinary());
    payload.setData(transaction.serializeBinary());
    envelope.setPayload(payload.serializeBinary());
  });
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

function setMetadata(block: common.Block, index: number, value: Uint8Array): void {
  const metadata = block.getMetadata() as common.BlockMetadata;
  const list = metadata.getMetadataList_asU8();
  list[index] = value;
  metadata.setMetadataList(list);
}

const flag =
  (place: number, code: number): Change =>
  (block) => {
    const flags = Uint8Array.from(block.getMetadata()?.getMetadataList_asU8()[TRANSACTIONS_FILTER] ?? []);
    flags[place] = code;
    setMetadata(block, TRANSACTIONS_FILTER, flags);
  };

/** Blocks, where of the channel's own three kinds of transactions are. */
class Recorded {
  readonly blocks: common.Block[] = [];
  /** The last transaction with this flag that writes a batch of this stream: block and place. */
  readonly #places: Map<string, readonly [number, number]> = new Map();

  static async of(ledger: FabricLedger, streams: ReadonlySet<string>): Promise<Recorded> {
    const recorded = new Recorded();
    const height = await ledger.height();
    for await (const { raw } of ledger.rawBlocks(0, new AbortController().signal)) {
      recorded.#take(raw, streams);
      if (recorded.blocks.length === height) break;
    }
    return recorded;
  }

  #take(raw: common.Block, streams: ReadonlySet<string>): void {
    const flags = raw.getMetadata()?.getMetadataList_asU8()[TRANSACTIONS_FILTER] ?? [];
    for (const [place, envelope] of (raw.getData()?.getDataList_asU8() ?? []).entries()) {
      const text = Buffer.from(envelope).toString("latin1");
      const isOurs = [...streams].some((stream) => text.includes(stream));
      if (isOurs) this.#places.set(`${flags[place]}`, [this.blocks.length, place]);
    }
    this.blocks.push(raw);
  }

  placeOf(code: number): readonly [number, number] {
    return this.#places.get(`${code}`) as readonly [number, number];
  }

  /** The faults of block `number` when it is changed, told by an audit from block 0 on. */
  faultsWith(ledger: FabricLedger, number: number, change: Change): readonly string[] {
    const audit = new ChannelAudit(ledger.address);
    for (const before of this.blocks.slice(0, number)) {
      const { faults } = audit.block({ block: readBlock(before, ledger.address.chaincode), raw: before });
      assert.deepEqual(faults, []);
    }
    const original = this.blocks[number] as common.Block;
    const raw = common.Block.deserializeBinary(original.serializeBinary());
    const block = readBlock(raw, ledger.address.chaincode);
    change(raw);
    return audit.block({ block, raw }).faults;
  }
}

async function anchorAlone(network: OwnNetwork, batch: Batch): Promise<void> {
  const address = parseFabricUrl(network.url);
  const { tlsCa, identities } = network.settings;
  const signing = await readIdentity(identities, OWNER);
  const gateway = new Peer(address.peers[0] as string, address, await readTlsCa(tlsCa), signing);
  const call = { arguments: [canonicalText(batch as unknown as Json)], endorsingOrganizations: [OWNER] };
  const options = { deadline: Date.now() + 30_000 };
  const endorsed = await gateway.contract.newProposal("anchorBatch", call).endorse(options);
  const status = await (await endorsed.submit(options)).getStatus({ deadline: Date.now() + 30_000 });
  assert.equal(status.code, ENDORSEMENT_POLICY_FAILURE);
  gateway.close();
}

/** Two writers on one stream, until the peers find one of them late. */
async function raceUntilConflict(network: OwnNetwork, stream: string): Promise<void> {
  await using one = await network.open(OWNER);
  await using two = await network.open(OWNER);
  for (let race = 0; race < RACES_MAX; race++) {
    const head = (await one.readHead(OWNER, stream))?.batch;
    const tries = [one, two].map((ledger) => ledger.anchorBatch(batchAfter(stream, head)));
    const failures = (await Promise.allSettled(tries)).flatMap((result) =>
      result.status === "rejected" ? [(result.reason as { code: string }).code] : [],
    );
    if (failures.includes("LEDGER_CONFLICT")) return;
  }
  assert.fail("the peers let no two writers meet");
}

if (url !== undefined) {
  test("a supervisor's own peer alone is enough to audit the channel, and all of it is sound", async () => {
    const { peers, channel, chaincode } = parseFabricUrl(url);
    const own = `fabric://${peers[2]}/${channel}/${chaincode}`;
    await using audit = await openLedgerAudit(own, { owner: SUPERVISOR });
    const end = await audit.ledger.height();
    let blocks = 0;
    let institutions: readonly string[] = [];
    for await (const block of audit.blocks(end, new AbortController().signal)) {
      assert.deepEqual([block.number, block.faults], [blocks, []]);
      blocks += 1;
      institutions = block.institutions ?? institutions;
    }
    assert.equal(blocks, end);
    assert.ok(institutions.includes(OWNER) && institutions.includes(SUPERVISOR));
  });

  test("whatever is changed in a block, its flags or its signatures, the audit says so", async () => {
    // Each change is found by an audit from block 0 on: the chain is a short one.
    await using network = await OwnNetwork.start();
    const [counted, raced, alone] = [newStream(), newStream(), newStream()];
    await raceUntilConflict(network, raced);
    await anchorAlone(network, batchAfter(alone));
    await using ledger = await network.open(SUPERVISOR);
    await using writer = await network.open(OWNER);
    await writer.anchorBatch(batchAfter(counted));
    const recorded = await Recorded.of(ledger, new Set([counted, raced, alone]));
    const [number, place] = recorded.placeOf(VALID);
    const [late, latePlace] = recorded.placeOf(MVCC_READ_CONFLICT);
    const [single, singlePlace] = recorded.placeOf(ENDORSEMENT_POLICY_FAILURE);
    const changes: readonly (readonly [number, RegExp, Change])[] = [
      [number, /counts as MVCC_READ_CONFLICT, though nothing that it read/, flag(place, MVCC_READ_CONFLICT)],
      [number, /counts as ENDORSEMENT_POLICY_FAILURE, though a majority/, flag(place, ENDORSEMENT_POLICY_FAILURE)],
      [late, /counts, though head\/\S+ was written after it was read/, flag(latePlace, VALID)],
      [single, /counts, though 1 organisations endorsed it, not 2/, flag(singlePlace, VALID)],
      [number, /0 validity flags for/, (block) => setMetadata(block, TRANSACTIONS_FILTER, new Uint8Array())],
      [number, /no orderer signed it/, (block) => setMetadata(block, SIGNATURES, new Uint8Array())],
      [number, /signatures cannot be read/, (block) => setMetadata(block, SIGNATURES, Buffer.of(0xff, 0xff))],
      [number, /the signature is not OrdererMSP's/, (block) => block.getHeader()?.setPreviousHash(sha256(Buffer.of()))],
      [number, /the signature is not OrdererMSP's/, (block) => block.getHeader()?.setNumber(number + 1)],
      [
        number,
        /its sender is not shown: the signature is not HospitalAMSP's/,
        (block) => inEnvelope(block, place, (one) => one.setSignature(flipped(one.getSignature_asU8()))),
      ],
      [
        number,
        /1 organisations endorsed it, not 2/,
        (block) =>
          inAction(block, place, (action) => action.setEndorsementsList(action.getEndorsementsList().slice(0, 1))),
      ],
      [
        number,
        /1 organisations endorsed it, not 2/,
        (block) =>
          inAction(block, place, (action) => {
            const [first] = action.getEndorsementsList();
            first?.setSignature(flipped(first.getSignature_asU8()));
          }),
      ],
      [
        number,
        /1 organisations endorsed it, not 2/,
        (block) =>
          inAction(block, place, (action) => {
            const [first] = action.getEndorsementsList();
            action.setEndorsementsList(first === undefined ? [] : [first, first]);
          }),
      ],
      [
        number,
        /0 organisations endorsed it, not 2/,
        (block) =>
          inAction(block, place, (action) => {
            const bytes = Buffer.from(action.getProposalResponsePayload_asU8());
            const at = bytes.indexOf('"root":"') + 8;
            bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
            action.setProposalResponsePayload(bytes);
          }),
      ],
      [number, /cannot be read/, (block) => block.getData()?.setDataList([Buffer.of(0xff, 0xff, 0xff)])],
    ];
    for (const [at, says, change] of changes) {
      assert.match(recorded.faultsWith(ledger, at, change).join("\n"), says);
    }
    assert.deepEqual(
      recorded.faultsWith(ledger, number, () => undefined),
      [],
    );
  });
}
