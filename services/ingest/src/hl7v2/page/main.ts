/** Writes `docs/hl7v2.md` anew; or, with `--check`, says whether it is current. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mappingPage } from "./page.ts";

const PATH = join(import.meta.dirname, "../../../../../docs/hl7v2.md");
const page = mappingPage();

if (!process.argv.includes("--check")) writeFileSync(PATH, page);
else if (readFileSync(PATH, "utf8") !== page) {
  process.stderr.write("docs/hl7v2.md is not what the table says: npm run docs\n");
  process.exitCode = 1;
}
