/** What is refused before any route is asked: no HTTP, no such path or method. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance } from "fastify";

/** A registered path, as a pattern of what it matches, and its methods. */
interface Known {
  readonly matches: RegExp;
  readonly methods: Set<string>;
}

/**
 * Answers what no route takes: 405 with `Allow` where the path has other methods (RFC 9110 section 15.5.6), else 404.
 * Call it before routes are added.
 */
export function refuseUnknown(app: FastifyInstance): void {
  const known = new Map<string, Known>();
  app.addHook("onRoute", ({ url, method }) => {
    // Of a path that ends in a wildcard nobody can say whether it is there.
    if (url.endsWith("*")) return;
    const found = known.get(url) ?? { matches: patternOf(url), methods: new Set() };
    known.set(url, found);
    for (const name of [method].flat()) found.methods.add(name.toUpperCase());
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ""] = request.url.split("?", 1);
    const methods = known
      .values()
      .filter(({ matches }) => matches.test(path))
      .flatMap((found) => found.methods);
    const allowed = [...new Set(methods)].sort().join(", ");
    if (allowed === "") {
      reply.send(
        new MedtraceError("NOT_FOUND", "there is nothing at this path", {
          at: "path",
          hint: "/docs lists what there is",
        }),
      );
      return;
    }
    reply.header("allow", allowed);
    reply.send(
      new MedtraceError("METHOD_UNSUPPORTED", "this path does not take this method", {
        at: "method",
        hint: `use ${allowed}`,
      }),
    );
  });
}

function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.$^*+?()[\]{}|\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/:[A-Za-z]+/g, "[^/]+")}$`);
}

const STATUS_OF_FAULT: Readonly<Record<string, readonly [status: number, detail: string, hint: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "the headers are over the limit", "send fewer and shorter headers"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "the chunk extensions are over the limit", "send chunks without extensions"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "the request did not come in time", "send it again, whole"],
};

/** Answers bytes that are no HTTP request, as problem details (RFC 9457), and hangs up. */
export function answerNoRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const [status, detail, hint] = STATUS_OF_FAULT[error.code ?? ""] ?? [
    400,
    "this is not a request of HTTP/1.1",
    "send one as RFC 9112 has it",
  ];
  const body = JSON.stringify({ title: STATUS_CODES[status], status, detail, hint });
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
