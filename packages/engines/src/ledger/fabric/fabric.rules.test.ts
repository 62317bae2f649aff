import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusCode } from "@hyperledger/fabric-gateway";
import { contractRules } from "@medtrace/chaincode/testing/rules";
import type { Batch } from "@medtrace/shared/model/batch";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { anchoredIn, batchAfter, blocksNow, newStream } from "@medtrace/shared/ports/ledger.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openLedger } from "../open.ts";
import { parseFabricUrl } from "./address.ts";
import { fabricSettings } from "./config.ts";
import { readIdentity, readTlsCa, type SigningIdentity } from "./identity.ts";
import { Peer } from "./peers.ts";
import { ChannelRules } from "./testing/rules-host.ts";

const OWNER = "HospitalAMSP";
const OTHER = "HospitalBMSP";
const url = realEngine("ledger");
const text = (batch: Batch): string => canonicalText(batch as unknown as Json);

/** A peer's gateway, by whatever identity. */
async function gatewayAs(ledgerUrl: string, signing: SigningIdentity, preferred = 0): Promise<Peer> {
  const address = parseFabricUrl(ledgerUrl);
  return new Peer(address.peers[preferred] as string, address, await readTlsCa(fabricSettings().tlsCa), signing);
}

if (url !== undefined) {
  contractRules("peers", { open: () => ChannelRules.open(url), runs: 6, steps: 12 });

  test("an organisation's key writes to its own streams alone, whatever organisation it claims to be", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    const stream = newStream();
    const first = batchAfter(stream);
    await ledger.anchorBatch(first);
    const theirs = await readIdentity(fabricSettings().identities, OTHER);
    const forged = { ...theirs, identity: { ...theirs.identity, mspId: OWNER } };
    for (const preferred of [0, 1, 2]) {
      const peer = await gatewayAs(url, forged, preferred);
      const proposal = peer.contract.newProposal("anchorBatch", { arguments: [text(batchAfter(stream, first))] });
      await assert.rejects(proposal.endorse({ deadline: Date.now() + 10_000 }));
      peer.close();
    }
    assert.deepEqual((await ledger.readHead(OWNER, stream))?.batch, first);
  });

  test("what one organisation alone endorses is ordered, and found invalid by every peer", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    const from = await ledger.height();
    const batch = batchAfter(newStream());
    const peer = await gatewayAs(url, await readIdentity(fabricSettings().identities, OWNER));
    const options = { arguments: [text(batch)], endorsingOrganizations: [OWNER] };
    const endorsed = await peer.contract.newProposal("anchorBatch", options).endorse({ deadline: Date.now() + 10_000 });
    const commit = await endorsed.submit({ deadline: Date.now() + 10_000 });
    const status = await commit.getStatus({ deadline: Date.now() + 20_000 });
    peer.close();
    assert.equal(status.code, StatusCode.ENDORSEMENT_POLICY_FAILURE);
    const blocks = await blocksNow(ledger, from);
    const there = blocks.flatMap(({ transactions }) => transactions).find(({ id }) => id === commit.getTransactionId());
    assert.deepEqual(there, { id: commit.getTransactionId(), anchored: undefined });
    assert.deepEqual(anchoredIn(blocks, OWNER, batch.stream), []);
    assert.equal(await ledger.readHead(OWNER, batch.stream), undefined);
    await ledger.anchorBatch(batch);
  });
}
