/** The chaincode's process. */
import { chaincodeSettings } from "./config.ts";
import { invoke } from "./host.ts";
import { serve } from "./serve.ts";

const settings = chaincodeSettings();
await serve(settings, invoke);
console.log(`chaincode ${settings.id} listens on ${settings.address}`);
