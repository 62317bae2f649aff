/** `node src/testing/main.ts`: writes src/golden anew, but for fabric/evidence.json, which a real channel gave. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readTrust } from "../files.ts";
import { reportText } from "../report.ts";
import { verifyEvidence } from "../verify.ts";
import { goldenEvidence } from "./ledger.ts";

const { text, key } = goldenEvidence();
const folder = new URL("../golden/", import.meta.url);
writeFileSync(new URL("evidence.json", folder), text);
writeFileSync(new URL("key.txt", folder), `${key}\n`);
writeFileSync(new URL("report.txt", folder), reportText(await verifyEvidence(text, { trust: [key] })));

const channel = new URL("fabric/", folder);
const trust = await readTrust(fileURLToPath(new URL("cas", channel)));
const evidence = readFileSync(new URL("evidence.json", channel), "utf8");
writeFileSync(new URL("report.txt", channel), reportText(await verifyEvidence(evidence, { trust })));
