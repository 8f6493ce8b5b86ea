// What the pages' scripts work out without a browser: pure functions, tested under tests/web.

/** The only SRTP profile that may carry images (A6-5). */
export const STRONG_SRTP = "SRTP_AEAD_AES_256_GCM";
/** A picture older than this is called frozen (fault 16), milliseconds. */
export const OLD_AFTER_MS = 2000;
/** Attempts to reconnect before asking the person: about three minutes. */
export const MAX_ATTEMPTS = 40;

/**
 * How long to wait before attempt number `attempt` (0, 1, 2 ...): 0.25 s doubling up to 5 s.
 * @param {number} attempt
 * @returns {number} milliseconds
 */
export function backoffMs(attempt) {
  return Math.min(5000, 250 * 2 ** Math.min(attempt, 10));
}

/**
 * What the browser's own statistics say about the encryption of a connection.
 * @param {{srtpCipher?: string, dtlsCipher?: string, dtlsState?: string}[]} transports
 * @returns {{verdict: "strong" | "weak" | "unknown", srtp: string, dtls: string}}
 */
export function cipherVerdict(transports) {
  const known = transports.filter((t) => t.srtpCipher || t.dtlsCipher);
  const srtp = known.find((t) => t.srtpCipher)?.srtpCipher ?? "";
  const dtls = known.find((t) => t.dtlsCipher)?.dtlsCipher ?? "";
  if (known.length === 0) return { verdict: "unknown", srtp, dtls };
  const weak = known.find(
    (t) => (t.srtpCipher && t.srtpCipher !== STRONG_SRTP) || (t.dtlsCipher && !/AES_?256/.test(t.dtlsCipher)),
  );
  if (weak) return { verdict: "weak", srtp: weak.srtpCipher ?? "", dtls: weak.dtlsCipher ?? "" };
  const complete = known.every((t) => t.srtpCipher && t.dtlsCipher);
  return { verdict: complete ? "strong" : "unknown", srtp, dtls };
}

/**
 * What to do after a refused or failed WHEP request.
 * @param {number} status HTTP status; 0 when there was no answer at all
 * @param {string} code the problem document's code
 * @returns {"retry" | "elsewhere" | "login" | "final"}
 */
export function afterFailure(status, code) {
  if (status === 0 || status === 408 || status === 425 || status === 429 || status >= 500) return "retry";
  if (status === 401) return "login";
  if (status === 409 && code === "already-watching") return "elsewhere";
  return "final";
}

/**
 * Which camera each m-line of an answer shows: the stream id of its `a=msid`, when it is a camera of ours, else the camera
 * in the same place.
 * @param {string} sdp the answer
 * @param {string[]} cameras camera ids in the order of the offer's m-lines
 * @returns {Map<string, string>} camera id by `a=mid`
 */
export function camerasByMid(sdp, cameras) {
  const byMid = new Map();
  const sections = sdp.split(/\r?\nm=/).slice(1);
  sections.forEach((section, index) => {
    const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
    const stream = /^a=msid:(\S+)/m.exec(section)?.[1];
    if (mid === undefined) return;
    const camera = stream !== undefined && cameras.includes(stream) ? stream : cameras[index];
    if (camera !== undefined) byMid.set(mid, camera);
  });
  return byMid;
}

/**
 * The ICE servers a WHEP answer names in its `Link` header.
 * @param {string | null} header
 * @returns {{urls: string, username?: string, credential?: string}[]}
 */
export function iceServers(header) {
  if (!header) return [];
  const servers = [];
  for (const [, url, rest] of header.matchAll(/<([^>]+)>([^<]*)/g)) {
    if (!/rel="?ice-server"?/.test(rest)) continue;
    const username = /username="([^"]*)"/.exec(rest)?.[1];
    const credential = /credential="([^"]*)"/.exec(rest)?.[1];
    servers.push({ urls: url, ...(username !== undefined && { username, credential }) });
  }
  return servers;
}

/**
 * A trickle ICE fragment (RFC 8840) of some candidates of the offer.
 * @param {string} offer
 * @param {{candidate: string, sdpMid: string | null}[]} candidates
 * @param {boolean} complete whether these are the last ones
 * @returns {string}
 */
export function sdpFragment(offer, candidates, complete) {
  const lines = [];
  const ufrag = /^a=ice-ufrag:(.*)$/m.exec(offer)?.[1].trim();
  const pwd = /^a=ice-pwd:(.*)$/m.exec(offer)?.[1].trim();
  if (ufrag) lines.push(`a=ice-ufrag:${ufrag}`);
  if (pwd) lines.push(`a=ice-pwd:${pwd}`);
  const mids = [...new Set(candidates.map((c) => c.sdpMid ?? "0"))];
  if (mids.length === 0) mids.push(/^a=mid:(\S+)/m.exec(offer)?.[1] ?? "0");
  mids.forEach((mid) => {
    lines.push("m=video 9 UDP/TLS/RTP/SAVPF 0", `a=mid:${mid}`);
    for (const { candidate, sdpMid } of candidates) if ((sdpMid ?? "0") === mid) lines.push(`a=${candidate}`);
    if (complete) lines.push("a=end-of-candidates");
  });
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * Time left, for a countdown: "1:59:03", "14:59", "0:07".
 * @param {number} ms
 * @returns {string}
 */
export function countdownText(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/**
 * Which tile a key leads to on the wall.
 * @param {string} key `KeyboardEvent.key`
 * @param {number | null} current index of the enlarged tile
 * @param {number} count
 * @param {number} columns
 * @returns {number | null | undefined} an index, `null` for the whole wall, `undefined` when the key means nothing
 */
export function wallKey(key, current, count, columns) {
  if (key === "Escape") return current === null ? undefined : null;
  if (/^[1-9]$/.test(key)) {
    const index = Number(key) - 1;
    if (index >= count) return undefined;
    return index === current ? null : index;
  }
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: current === null ? columns : 1, ArrowUp: current === null ? -columns : -1 }[key];
  if (step === undefined || count === 0) return undefined;
  if (current === null) return step > 0 ? 0 : count - 1;
  return (current + step + count) % count;
}

/**
 * Seconds with one decimal, in the page's language.
 * @param {number} ms
 * @param {string} language
 * @returns {string}
 */
export function secondsText(ms, language) {
  const text = (Math.max(0, ms) / 1000).toFixed(1);
  return `${language === "fr" ? text.replace(".", ",") : text}\u202fs`;
}

/**
 * Whether a line on which nothing has come for so long is dead: two heartbeats missed, and some patience besides.
 * @param {number} silentMs
 * @param {number} everyMs how often a heartbeat is due
 */
export function isSilent(silentMs, everyMs) {
  return silentMs > 2 * everyMs + 5_000;
}
