/** The change of a channel's configuration that makes one more organisation a member (Fabric, configtx: read and write sets). */
import { common } from "@hyperledger/fabric-protos";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Bytes } from "@medtrace/shared/model/bytes";
import { configurationOf } from "../configuration.ts";

const APPLICATION = "Application";

export interface Addition {
  /** The channel's present configuration block, protobuf. */
  readonly present: Bytes;
  /** A configuration block that describes the newcomer, such as the genesis of a channel with it, protobuf. */
  readonly described: Bytes;
  /** The organisation's name in the configuration. */
  readonly name: string;
}

/**
 * The update as an envelope that nobody has signed yet, protobuf; undefined where the organisation is there already.
 *
 * @throws MedtraceError INPUT_INVALID where the blocks hold no such configuration.
 */
export function addOrganisation({ present, described, name }: Addition): Bytes | undefined {
  const block = common.Block.deserializeBinary(present);
  const root = rootOf(block);
  const application = groupOf(root, APPLICATION, "the channel's configuration");
  if (application.getGroupsMap().has(name)) return undefined;
  const newcomers = rootOf(common.Block.deserializeBinary(described));
  const newcomer = groupOf(groupOf(newcomers, APPLICATION, "the description"), name, "the description");

  const read = sparse(application);
  const written = sparse(application);
  // A group whose members change has its next version; the members that stay are named by version alone.
  written.setVersion(application.getVersion() + 1);
  written.setModPolicy(application.getModPolicy());
  written.getGroupsMap().set(name, newcomer);

  const update = new common.ConfigUpdate();
  update.setChannelId(channelOf(block));
  update.setReadSet(within(root, read));
  update.setWriteSet(within(root, written));
  return envelopeOf(update);
}

function rootOf(block: common.Block): common.ConfigGroup {
  const root = common.ConfigEnvelope.deserializeBinary(configurationOf(block)).getConfig()?.getChannelGroup();
  if (root === undefined) throw new MedtraceError("INPUT_INVALID", "this is no configuration block");
  return root;
}

function groupOf(group: common.ConfigGroup, name: string, where: string): common.ConfigGroup {
  const found = group.getGroupsMap().get(name);
  if (found === undefined) throw new MedtraceError("INPUT_INVALID", `${where} has no group ${name}`);
  return found;
}

/** The group with the versions of its members, and nothing of what they hold. */
function sparse(group: common.ConfigGroup): common.ConfigGroup {
  const made = new common.ConfigGroup();
  made.setVersion(group.getVersion());
  for (const [name, member] of group.getGroupsMap().entries()) {
    const same = new common.ConfigGroup();
    same.setVersion(member.getVersion());
    made.getGroupsMap().set(name, same);
  }
  for (const [name, member] of group.getValuesMap().entries()) {
    const same = new common.ConfigValue();
    same.setVersion(member.getVersion());
    made.getValuesMap().set(name, same);
  }
  for (const [name, member] of group.getPoliciesMap().entries()) {
    const same = new common.ConfigPolicy();
    same.setVersion(member.getVersion());
    made.getPoliciesMap().set(name, same);
  }
  return made;
}

function within(root: common.ConfigGroup, application: common.ConfigGroup): common.ConfigGroup {
  const made = new common.ConfigGroup();
  made.setVersion(root.getVersion());
  made.getGroupsMap().set(APPLICATION, application);
  return made;
}

function channelOf(block: common.Block): string {
  const [envelope] = block.getData()?.getDataList_asU8() ?? [];
  const payload = common.Payload.deserializeBinary(
    common.Envelope.deserializeBinary(envelope ?? new Uint8Array()).getPayload_asU8(),
  );
  const header = payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array();
  return common.ChannelHeader.deserializeBinary(header).getChannelId();
}

function envelopeOf(update: common.ConfigUpdate): Bytes {
  const content = new common.ConfigUpdateEnvelope();
  content.setConfigUpdate(update.serializeBinary());
  const channel = new common.ChannelHeader();
  channel.setType(common.HeaderType.CONFIG_UPDATE);
  channel.setChannelId(update.getChannelId());
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(content.serializeBinary());
  const envelope = new common.Envelope();
  envelope.setPayload(payload.serializeBinary());
  return envelope.serializeBinary();
}
