import { cacheContract } from "@medtrace/shared/ports/cache.contract";
import { openCache } from "../open.ts";

cacheContract("in-process", {
  instancesShare: false,
  async create() {
    return { open: () => openCache("in-process:"), async [Symbol.asyncDispose]() {} };
  },
});
