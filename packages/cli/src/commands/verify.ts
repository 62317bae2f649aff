/** `medtrace verify`: checks an evidence file offline. */
import { FILE_BYTES_MAX } from "@medtrace/verifier/evidence";
import { readAtMost, readTrust } from "@medtrace/verifier/files";
import { exitCode, reportText } from "@medtrace/verifier/report";
import { Fault } from "@medtrace/verifier/verdict";
import { verifyEvidence } from "@medtrace/verifier/verify";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { Failure, fileFault } from "../failure.ts";

interface Options extends CommonOptions {
  readonly trust: readonly string[];
  readonly requireTrust: boolean;
}

export const addVerify: AddCommand = (program, cli) => {
  describe(program, {
    usage: "verify <file>",
    summary: "check an evidence file, without asking anyone",
    description:
      "Checks an evidence file from the signature down, and says what was proved and what was taken on trust. Nothing is\n" +
      "fetched. Of an embedded ledger, give its verifier key with --trust: without it, the key that came in the file is\n" +
      "believed. Of Hyperledger Fabric, give the CA certificates of the channel's organisations: without them nothing is\n" +
      "proven. Whose a certificate is, the name of its file or folder says (HospitalAMSP.pem), a line 'MSP: HospitalAMSP'\n" +
      "before it, or HospitalAMSP=PATH.",
    examples: [
      "medtrace verify evidence.json",
      "medtrace verify evidence.json --trust ledger.vkey --require-trust",
      "medtrace verify evidence.json --trust cas/",
      "medtrace verify evidence.json --trust HospitalAMSP=a.pem --trust HospitalBMSP=b.pem",
      "medtrace verify evidence.json --json | jq .verdict",
    ],
    exits: "0 proven, 1 refuted (the report says what), 2 cannot tell",
  })
    .option(
      "--trust <trust>",
      "a verifier key (name+id+base64), a file of keys or of CA certificates, or a folder of these; may be repeated",
      collect,
      [],
    )
    .option("--require-trust", "without a trusted key nothing is called proven", false)
    .action(
      ending(async (file: string, options: Options) => {
        const trust = (await Promise.all(options.trust.map(trustOf))).flat();
        const bytes = await readWhole(file);
        const verdict = await verifyEvidence(bytes, { trust, requireTrust: options.requireTrust });
        cli.out(options.json ? `${JSON.stringify(verdict)}\n` : reportText(verdict));
        return exitCode(verdict);
      }),
    );
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** What one `--trust` names. */
async function trustOf(given: string): Promise<readonly string[]> {
  try {
    return await readTrust(given);
  } catch (error) {
    throw error instanceof Fault ? new Failure(error.message, { at: error.at, cause: error }) : error;
  }
}

/** The whole file, however large it says that it is. */
async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const bytes = await readAtMost(path, FILE_BYTES_MAX + 1);
    if (bytes.length <= FILE_BYTES_MAX) return bytes;
  } catch (cause) {
    const fault = fileFault(cause);
    throw fault === undefined ? cause : new Failure(fault, { at: path, cause });
  }
  throw new Failure(`the file is larger than ${FILE_BYTES_MAX} bytes`, { at: path });
}
