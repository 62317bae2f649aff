// A container's health: exits 0 when the service at this URL says that it is ready.
const answer = await fetch(`${process.argv[2]}/readyz`, { signal: AbortSignal.timeout(4_000) }).catch(() => undefined);
process.exitCode = answer?.ok ? 0 : 1;
