/**
 * `node main.ts PRESENT DESCRIBED NAME OUT`: writes the update that adds an organisation to a channel, for
 * `peer channel signconfigtx`; an empty file where it is there already. Called by infra/fabric/add-institution.sh.
 */
import { readFile, writeFile } from "node:fs/promises";
import { addOrganisation } from "./add-organisation.ts";

const [present = "", described = "", name = "", out = ""] = process.argv.slice(2);
const blocks = { present: await readFile(present), described: await readFile(described) };
await writeFile(out, addOrganisation({ ...blocks, name }) ?? new Uint8Array());
