// Pages that update by themselves: hears of changes at /events, asks for this very page again and puts its `data-live`
// regions in place. What a person may see is thus decided by the server each time, as for any page.
//
// There is no replay of events, so everything is loaded again whenever the line comes back.

import { setServerTime } from "./clock.js";

const TYPES = ["ticket-changed", "session-changed", "camera-changed", "alert-changed", "resync", "bye"];
/** Changes that come together are one reload. */
const GATHER_MS = 150;
/** A page that has not come by then will not: the line is gone, whatever the browser thinks of it. */
const PAGE_WITHIN_MS = 8000;

/** What the server last drew in each region: our own changes (countdowns) must not look like news. @type {Map<string, string>} */
const drawn = new Map();
let timer = 0;
let underWay = false;
let again = false;

const regions = (root) => [...root.querySelectorAll("[data-live][id]")];

function put(id, next) {
  const old = document.getElementById(id);
  if (!old || drawn.get(id) === next.outerHTML) return;
  drawn.set(id, next.outerHTML);
  const focus = old.contains(document.activeElement) ? selectorOf(document.activeElement) : null;
  const before = { ...old.dataset };
  const fresh = document.importNode(next, true);
  old.replaceWith(fresh);
  if (focus) fresh.querySelector(focus)?.focus({ preventScroll: true });
  fresh.dispatchEvent(new CustomEvent("ecluse:replaced", { bubbles: true, detail: { before } }));
}

function selectorOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  for (const name of ["data-action", "data-opens", "href"]) {
    const value = element.getAttribute(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  return null;
}

/**
 * Fetches a page of ours as a document; `null` when there is no answer.
 * @param {string} [url]
 * @returns {Promise<{status: number, page: Document, url: string} | null>}
 */
export async function fetchPage(url = location.pathname + location.search) {
  try {
    const response = await fetch(url, {
      headers: { Accept: "text/html" },
      cache: "no-store",
      signal: AbortSignal.timeout(PAGE_WITHIN_MS),
    });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    setServerTime(page.querySelector("meta[name=server-now]")?.getAttribute("content"));
    return { status: response.status, page, url: response.url };
  } catch {
    return null;
  }
}

/** Loads the live regions again. Calls during a reload lead to one more. */
export async function refresh() {
  if (regions(document).length === 0) return;
  if (underWay) {
    again = true;
    return;
  }
  underWay = true;
  try {
    const got = await fetchPage();
    if (!got) return;
    if (new URL(got.url).pathname === "/login") {
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    if (got.status === 200) for (const next of regions(got.page)) put(next.id, next);
  } finally {
    underWay = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, GATHER_MS);
}

function show(state) {
  const place = document.getElementById("live-state");
  if (!place) return;
  place.dataset.state = state;
  place.querySelector(".live-text").textContent = place.dataset[state];
}

/** Starts to listen, where the page says that there is something to hear. */
export function startLive() {
  const url = document.body.dataset.liveUrl;
  if (!url) return;
  let opened = false;
  const source = new EventSource(url);
  source.addEventListener("open", () => {
    show("on");
    if (opened) refreshSoon();
    opened = true;
  });
  source.addEventListener("error", () => show("off"));
  // A pulled cable ends no connection by itself.
  addEventListener("offline", () => show("off"));
  addEventListener("online", () => {
    if (source.readyState === EventSource.OPEN) show("on");
    refreshSoon();
  });
  for (const type of TYPES) {
    source.addEventListener(type, (event) => {
      let data = {};
      try {
        data = JSON.parse(event.data);
      } catch {
        // News without particulars.
      }
      document.dispatchEvent(new CustomEvent("ecluse:told", { detail: { type, ...data } }));
      if (type === "bye" && data.reason === "session-ended") {
        source.close();
        location.assign(`/login?expired=1&next=${encodeURIComponent(location.pathname + location.search)}`);
      } else if (type !== "bye") {
        refreshSoon();
      }
    });
  }
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

/**
 * Loads the live regions every so often while the page is seen.
 * @param {number} everyMs
 */
export function poll(everyMs) {
  setInterval(() => document.visibilityState === "visible" && refresh(), everyMs);
}
