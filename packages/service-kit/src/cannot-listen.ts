/** Why a server could not listen, as its operator can mend it. */
import { MedtraceError } from "@medtrace/shared/errors";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "something else listens there"],
  ["EACCES", "the system does not give it"],
  ["EADDRNOTAVAIL", "this machine does not have the address"],
  ["ENOTFOUND", "the host's name has no address"],
  ["EAI_AGAIN", "the host's name has no address"],
]);

/** A MedtraceError CONFIGURATION for an error of listening; any other error as it is. */
export function cannotListen(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const why = REASONS.get(String((error as NodeJS.ErrnoException).code));
  if (why === undefined) return error;
  return new MedtraceError("CONFIGURATION", `cannot listen: ${why}`, {
    at: `${host}:${port}`,
    hint: "stop what listens there, or set HOST or the service's port (docs/configuration.md)",
    cause: error,
  });
}
