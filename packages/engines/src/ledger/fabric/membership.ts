/** Since when each organisation is on a channel: as its configuration blocks tell, from the newest back to the first. */
import { common } from "@hyperledger/fabric-protos";
import { MedtraceError } from "@medtrace/shared/errors";
import { configurationOf, type Organisations, organisationsOf } from "./configuration.ts";

/** A channel's configuration changes when an organisation comes, or a certificate is renewed. */
const CHANGES_MAX = 10_000;
const NOTHING = new Uint8Array();

/**
 * The organisations that endorse by the newest configuration, each with when it came; those of block 0 without.
 *
 * @throws MedtraceError INTEGRITY where the configuration blocks do not lead back to block 0.
 */
export async function membersSince(
  newest: common.Block,
  blockAt: (number: number) => Promise<common.Block>,
): Promise<Organisations> {
  const members = organisationsOf(configurationOf(newest), "Application");
  const first = new Map(Object.keys(members).map((mspId) => [mspId, newest]));
  let block = newest;
  for (let changes = 0; numberOf(block) > 0; changes++) {
    const before = lastConfiguration(await blockAt(numberOf(block) - 1));
    if (before >= numberOf(block) || changes === CHANGES_MAX) {
      throw new MedtraceError("INTEGRITY", `block ${numberOf(block)}: its configuration does not lead back to block 0`);
    }
    const previous = await blockAt(before);
    const there = organisationsOf(configurationOf(previous), "Application");
    // One that came, left and came again counts from its first time on.
    for (const mspId of Object.keys(members)) if (there[mspId] !== undefined) first.set(mspId, previous);
    block = previous;
  }
  return Object.fromEntries(
    Object.entries(members).map(([mspId, member]) => {
      const came = first.get(mspId) ?? newest;
      return [mspId, numberOf(came) === 0 ? member : { ...member, since: timeOf(came) }];
    }),
  );
}

function numberOf(block: common.Block): number {
  return block.getHeader()?.getNumber() ?? 0;
}

/** Number of the configuration block that held when this block was made (Fabric, OrdererBlockMetadata). */
function lastConfiguration(block: common.Block): number {
  const list = block.getMetadata()?.getMetadataList_asU8() ?? [];
  const metadata = common.Metadata.deserializeBinary(list[common.BlockMetadataIndex.SIGNATURES] ?? NOTHING);
  return common.OrdererBlockMetadata.deserializeBinary(metadata.getValue_asU8()).getLastConfig()?.getIndex() ?? 0;
}

/**
 * When the orderers had taken the configuration. They tell whole seconds, rounded down: rounded up, nothing that was
 * sent before is held to a majority of those who came after.
 */
function timeOf(block: common.Block): string {
  const [envelope] = block.getData()?.getDataList_asU8() ?? [];
  const payload = common.Payload.deserializeBinary(
    common.Envelope.deserializeBinary(envelope ?? NOTHING).getPayload_asU8(),
  );
  const header = payload.getHeader()?.getChannelHeader_asU8() ?? NOTHING;
  const seconds = common.ChannelHeader.deserializeBinary(header).getTimestamp()?.getSeconds() ?? 0;
  return new Date((seconds + 1) * 1_000).toISOString();
}
