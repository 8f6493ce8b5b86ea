// Pages that update by themselves: hears of changes at /events, asks for this very page again and puts its `data-live`
// regions in place. What a person may see is thus decided by the server each time, as for any page.
//
// The server's heartbeat tells a quiet line from a dead one: without it "À jour" would stay on a pulled cable.
//
// There is no replay of events, so everything is loaded again whenever the line comes back.

import { setServerTime } from "./clock.js";
import { isSilent } from "./logic.js";

const TYPES = ["ticket-changed", "session-changed", "camera-changed", "alert-changed", "resync", "bye"];
/** How often the server says that it is there, until it has said so itself. */
const HEARTBEAT_MS = 15_000;
/** How often the page looks whether it has. */
const WATCH_EVERY_MS = 2_000;
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

/** To the log-in, if the page as it is would lead there. */
async function leaveIfOut() {
  const got = await fetchPage();
  if (got && new URL(got.url).pathname === "/login") {
    location.assign(`/login?expired=1&next=${encodeURIComponent(location.pathname + location.search)}`);
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
  const line = new Line(url);
  // A pulled cable ends no connection by itself: the system may tell, and the missing heartbeat does.
  addEventListener("offline", () => show("off"));
  addEventListener("online", () => line.open());
  setInterval(() => line.watch(), WATCH_EVERY_MS);
  addEventListener("pagehide", () => line.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

/** The line to `/events`: listens, and opens itself anew when it has gone silent. */
class Line {
  #url;
  #source = null;
  /** Whether there has been a line before: then something may have been missed. */
  #opened = false;
  #heardMs = 0;
  #everyMs = HEARTBEAT_MS;

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
    this.open();
  }

  /** Opens the line, in place of the one there is. */
  open() {
    this.close();
    this.#heard();
    const source = new EventSource(this.#url);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#heard();
      show("on");
      if (this.#opened) refreshSoon();
      this.#opened = true;
    });
    source.addEventListener("error", () => {
      show("off");
      // Refused, not broken off: a tab that slept past the end of its log-in is told so by nobody else.
      if (source.readyState === EventSource.CLOSED) leaveIfOut();
    });
    source.addEventListener("heartbeat", (event) => {
      this.#heard();
      this.#everyMs = (particulars(event).every_s ?? HEARTBEAT_MS / 1000) * 1000;
      show("on");
    });
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        this.#heard();
        this.#tell(type, particulars(event));
      });
    }
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  /** Takes silence for what it is. */
  watch() {
    if (!this.#source || !isSilent(performance.now() - this.#heardMs, this.#everyMs)) return;
    show("off");
    this.open();
  }

  #heard() {
    this.#heardMs = performance.now();
  }

  #tell(type, data) {
    document.dispatchEvent(new CustomEvent("ecluse:told", { detail: { type, ...data } }));
    if (type === "bye" && data.reason === "session-ended") {
      this.close();
      location.assign(`/login?expired=1&next=${encodeURIComponent(location.pathname + location.search)}`);
    } else if (type !== "bye") {
      refreshSoon();
    }
  }
}

/** What an event says beside its name; some say nothing. */
function particulars(event) {
  try {
    return JSON.parse(event.data);
  } catch {
    return {};
  }
}

/**
 * Loads the live regions every so often while the page is seen.
 * @param {number} everyMs
 */
export function poll(everyMs) {
  setInterval(() => document.visibilityState === "visible" && refresh(), everyMs);
}
