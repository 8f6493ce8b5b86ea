// The server's clock in the page: told once when the page is drawn, carried on by the monotonic clock, so that a wrong or
// stepped clock of the workstation changes nothing (fault 6).

let serverAtZero = NaN;

/**
 * Takes the server's time as told by a page that arrived just now.
 * @param {string | null | undefined} iso
 * @param {number} [atMs] `performance.now()` when it was told
 */
export function setServerTime(iso, atMs = performance.now()) {
  const server = Date.parse(iso ?? "");
  if (!Number.isNaN(server)) serverAtZero = server - atMs;
}

const navigation = performance.getEntriesByType?.("navigation")[0];
setServerTime(
  document.querySelector("meta[name=server-now]")?.getAttribute("content"),
  navigation?.responseStart || performance.now(),
);

/** The server's time now, milliseconds since 1970 UTC. */
export function serverNow() {
  return Number.isNaN(serverAtZero) ? Date.now() : serverAtZero + performance.now();
}

/** The server's hour in Paris, to the second, for watermarks. */
export function parisTime() {
  return new Intl.DateTimeFormat("fr-FR", { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "medium" }).format(serverNow());
}
