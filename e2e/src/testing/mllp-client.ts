/** An MLLP client that sends bytes as it is told to, frames or not. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);

export interface MllpClient extends Disposable {
  readonly socket: Socket;
  /** Resolves when the bytes have left. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Contents of all answers so far, once there are this many, or the other side has hung up. */
  answers(count: number): Promise<readonly string[]>;
}

/** @param place `host:port` */
export async function connectMllp(place: string): Promise<MllpClient> {
  const [host = "", port = ""] = place.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  await once(socket, "connect");
  let received = Buffer.alloc(0);
  let ended = false;
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    ended = true;
  });
  return {
    socket,
    write: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    answers: async (count) => {
      for (;;) {
        const contents = received.toString("latin1").split(END.toString("latin1")).slice(0, -1);
        if (contents.length >= count || ended) return contents.map((content) => content.slice(1));
        await Promise.race([once(socket, "data"), once(socket, "close")]);
      }
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** A message in its frame. */
export function framed(message: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(START), Buffer.from(message as string, "latin1"), END]);
}
