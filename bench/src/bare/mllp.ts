/** The least that any MLLP listener does: finds frames, answers each with its MSH-10, keeps nothing. Prints its place. */
import { type AddressInfo, createServer } from "node:net";

const server = createServer((socket) => {
  let received = "";
  socket.setNoDelay(true).setEncoding("latin1");
  socket.on("error", () => {});
  socket.on("data", (text: string) => {
    received += text;
    for (let end = received.indexOf("\x1c\r"); end >= 0; end = received.indexOf("\x1c\r")) {
      const id = received.slice(0, received.indexOf("\r")).split("|", 10)[9];
      received = received.slice(end + 2);
      socket.write(`\x0bMSH|^~\\&|BARE||||||ACK|1|P|2.5\rMSA|AA|${id}\r\x1c\r`, "latin1");
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
