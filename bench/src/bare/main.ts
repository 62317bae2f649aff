/** The least that any HTTP service does: node:http and JSON.parse, nothing kept. Prints its URL, ends with its input. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const lines = Buffer.concat(parts).toString("utf8").split("\n");
    const read = lines.filter((line) => line !== "" && JSON.parse(line).resourceType === "AuditEvent").length;
    const body = `{"read":${read}}`;
    response.writeHead(201, { "content-type": "application/json", "content-length": body.length }).end(body);
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
