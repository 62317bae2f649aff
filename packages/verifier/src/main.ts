/** `node src/main.ts FILE`: offline verification on the command line. This and files.ts alone need Node. */
import { parseArgs } from "node:util";
import { FILE_BYTES_MAX } from "./evidence.ts";
import { readAtMost, readTrust } from "./files.ts";
import { exitCode, reportText } from "./report.ts";
import { verifyEvidence } from "./verify.ts";

const USAGE = `Usage: node src/main.ts FILE [--trust TRUST]... [--require-trust] [--json]

Verifies an evidence file without any server. TRUST, which may be repeated, is
  for the embedded ledger  a verifier key (name+id+base64), or a file of them, one a line
  for Hyperledger Fabric   the organisations' CA certificates: a PEM file named by its MSP id (HospitalAMSP.pem), or with
                           a line "MSP: HospitalAMSP" before each organisation's; a folder of such files or of MSP folders
                           named by MSP id; or HospitalAMSP=PATH
  --require-trust  without a trusted key nothing is called proven (on Fabric nothing ever is)
  --json           the verdict as JSON
Exit codes: 0 proven, 1 refuted, 2 cannot tell (or wrong usage).
`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      trust: { type: "string", multiple: true, default: [] },
      "require-trust": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Error("one evidence file is expected");
  const trust = (await Promise.all(values.trust.map(readTrust))).flat();
  const verdict = await verifyEvidence(await readAtMost(file, FILE_BYTES_MAX + 1), {
    trust,
    requireTrust: values["require-trust"],
  });
  process.stdout.write(values.json ? `${JSON.stringify(verdict, null, 2)}\n` : reportText(verdict));
  return exitCode(verdict);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cannot tell: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
