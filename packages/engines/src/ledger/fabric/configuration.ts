/** A channel's configuration: which organisations there are, and the CAs of each. */
import { common, msp } from "@hyperledger/fabric-protos";
import { type Bytes, fromUtf8 } from "@medtrace/shared/model/bytes";
import type { FabricOrganisation } from "@medtrace/shared/model/evidence";

const NOTHING = new Uint8Array();

export type Organisations = Readonly<Record<string, FabricOrganisation>>;

/** The ConfigEnvelope in a configuration block, protobuf. */
export function configurationOf(block: common.Block): Bytes {
  const [envelope] = block.getData()?.getDataList_asU8() ?? [];
  return common.Payload.deserializeBinary(
    common.Envelope.deserializeBinary(envelope ?? NOTHING).getPayload_asU8(),
  ).getData_asU8();
}

/**
 * The organisations of one group by MSP id: those that endorse ("Application"), or those that order ("Orderer"). The
 * root group's group of this name has a group for each organisation, each with an MSP.
 *
 * @param configuration a ConfigEnvelope, protobuf
 */
export function organisationsOf(configuration: Bytes, name: "Application" | "Orderer"): Organisations {
  const config = common.ConfigEnvelope.deserializeBinary(configuration).getConfig();
  const groups = config?.getChannelGroup()?.getGroupsMap().get(name)?.getGroupsMap();
  const organisations: Record<string, FabricOrganisation> = {};
  for (const [, group] of groups?.entries() ?? []) {
    const value = group.getValuesMap().get("MSP")?.getValue_asU8() ?? NOTHING;
    const settings = msp.FabricMSPConfig.deserializeBinary(msp.MSPConfig.deserializeBinary(value).getConfig_asU8());
    organisations[settings.getName()] = {
      roots: settings.getRootCertsList_asU8().map(fromUtf8),
      intermediates: settings.getIntermediateCertsList_asU8().map(fromUtf8),
    };
  }
  return organisations;
}
