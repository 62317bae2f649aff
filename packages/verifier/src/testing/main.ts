/** `node src/testing/main.ts`: writes src/golden anew. Only a new format has a reason to. */
import { writeFileSync } from "node:fs";
import { reportText } from "../report.ts";
import { verifyEvidence } from "../verify.ts";
import { goldenEvidence } from "./ledger.ts";

const { text, key } = goldenEvidence();
const folder = new URL("../golden/", import.meta.url);
writeFileSync(new URL("evidence.json", folder), text);
writeFileSync(new URL("key.txt", folder), `${key}\n`);
writeFileSync(new URL("report.txt", folder), reportText(await verifyEvidence(text, { trust: [key] })));
