/** Chaincode as a service: peers connect to this process, one for each organisation. */
import { readFile } from "node:fs/promises";
import { type ChaincodeServerOpts, Shim } from "fabric-shim";
import type { ChaincodeSettings } from "./config.ts";
import { init, type Response, type Stub } from "./host.ts";

/**
 * Listens for peers.
 *
 * @param invoke runs one transaction or query; it never rejects
 */
export async function serve(
  { id, address, tls }: ChaincodeSettings,
  invoke: (stub: Stub) => Promise<Response>,
): Promise<void> {
  const tlsProps = tls && {
    key: await readFile(tls.key),
    cert: await readFile(tls.certificate),
    clientCACerts: await readFile(tls.clientCa),
  };
  // The types want TLS, the server does not.
  const options = { ccid: id, address, ...(tlsProps && { tlsProps }) } as ChaincodeServerOpts;
  await Shim.server({ Init: init, Invoke: invoke }, options).start();
}
