/** Chaincode as a service: peers connect to this process, one for each organisation. */
import { type ChaincodeServerOpts, Shim } from "fabric-shim";
import { chaincodeSettings } from "./config.ts";
import { init, invoke } from "./host.ts";

const { id, address } = chaincodeSettings();
// The types want TLS; without it the server listens in clear, which is meant for a peer on the same host.
const options = { ccid: id, address } as ChaincodeServerOpts;
await Shim.server({ Init: init, Invoke: invoke }, options).start();
console.log(`chaincode ${id} listens on ${address}`);
