// A small WHEP client (draft-ietf-wish-whep): one peer connection, one receive-only video m-line per camera.

import { camerasByMid, iceServers, sdpFragment } from "./logic.js";
import { windowName } from "./window.js";

/** Candidates that come together go in one PATCH. */
const TRICKLE_GATHER_MS = 30;

/** The server said no, or did not answer. */
export class WhepError extends Error {
  /**
   * @param {number} status HTTP status; 0: no answer
   * @param {string} code the problem document's code
   * @param {string} detail its words
   */
  constructor(status, code, detail) {
    super(`${status} ${code}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

/**
 * @typedef {object} WhepOptions
 * @property {string} url where offers go
 * @property {string[]} cameras camera ids in the server's order
 * @property {string} csrf
 * @property {string | null} [replace] session this one takes the place of, after a lost network
 * @property {RTCIceServer[]} [iceServers] as learnt from an earlier answer
 */

/**
 * One viewing. Events: `track` ({camera, track, receiver}), `state` ({state}: the peer connection's states).
 */
export class WhepClient extends EventTarget {
  /** @param {WhepOptions} options */
  constructor(options) {
    super();
    this.options = options;
    /** URL of the WHEP resource, once there is one. @type {string | null} */
    this.resource = null;
    this.etag = null;
    this.iceServers = options.iceServers ?? [];
    this.closed = false;
    this.over = false;
    this.pending = [];
    this.gathered = false;
    this.trickleTimer = 0;
    this.pc = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceServers: this.iceServers,
    });
    this.byMid = new Map();
    this.pc.addEventListener("track", (event) => this.#onTrack(event));
    this.pc.addEventListener("connectionstatechange", () => this.#tell());
    this.pc.addEventListener("iceconnectionstatechange", () => this.#tell());
    this.pc.addEventListener("icecandidate", (event) => this.#onCandidate(event.candidate));
  }

  /** The session's identifier, the last part of the resource's URL. @returns {string | null} */
  get session() {
    return this.resource ? this.resource.split("/").pop() : null;
  }

  /**
   * Offers, posts, takes the answer. Resolves when the answer is in place; media follows.
   * @throws {WhepError}
   */
  async open() {
    for (const _ of this.options.cameras) {
      const transceiver = this.pc.addTransceiver("video", { direction: "recvonly" });
      preferH264(transceiver);
    }
    const [offer] = await Promise.all([this.pc.createOffer(), this.#relays()]);
    await this.pc.setLocalDescription(offer);
    this.offer = this.pc.localDescription.sdp;
    const url = new URL(this.options.url, location.href);
    url.searchParams.set("window", windowName);
    if (this.options.replace) url.searchParams.set("replace", this.options.replace);
    const response = await this.#send(url, "POST", "application/sdp", this.offer);
    if (response.status !== 201) throw await problem(response);
    this.resource = new URL(response.headers.get("Location"), url).href;
    this.etag = response.headers.get("ETag");
    this.iceServers = iceServers(response.headers.get("Link"));
    const answer = await response.text();
    if (this.closed) {
      this.leave();
      return;
    }
    this.byMid = camerasByMid(answer, this.options.cameras);
    await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
    this.#trickleSoon();
  }

  /** Closes the connection without telling the server, which will see it vanish or have it replaced. */
  drop() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.trickleTimer);
    this.pc.close();
  }

  /** The server has ended the session by itself: there is no resource to give back. */
  forget() {
    this.over = true;
  }

  /**
   * Closes the connection and gives the resource back. Safe to call twice, and while a page goes away.
   */
  leave() {
    this.drop();
    const resource = this.resource;
    this.resource = null;
    if (!resource || this.over) return;
    fetch(resource, { method: "DELETE", headers: { "X-CSRF-Token": this.options.csrf }, keepalive: true }).catch(() => {});
  }

  /** @returns {Promise<{transports: object[], inbound: object[]}>} the statistics that matter here */
  async stats() {
    const transports = [];
    const inbound = [];
    for (const report of (await this.pc.getStats()).values()) {
      if (report.type === "transport") transports.push(report);
      if (report.type === "inbound-rtp" && report.kind === "video") inbound.push(report);
    }
    return { transports, inbound };
  }

  /** Asks which relays there are before candidates are gathered: a line without UDP has no other way (A7-1). */
  async #relays() {
    if (this.iceServers.length > 0) return;
    try {
      const response = await fetch(this.options.url, { method: "OPTIONS", cache: "no-store" });
      this.iceServers = iceServers(response.headers.get("Link"));
    } catch {
      // The offer itself will say that the server does not answer.
    }
    if (this.iceServers.length > 0 && !this.closed) {
      this.pc.setConfiguration({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: this.iceServers });
    }
  }

  #tell() {
    if (!this.closed) this.dispatchEvent(new CustomEvent("state", { detail: { state: this.pc.connectionState } }));
  }

  #onTrack({ track, transceiver, receiver, streams }) {
    // As little delay as the line allows: these are live images, not a film.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    const stream = streams[0]?.id;
    const camera = this.options.cameras.includes(stream) ? stream : this.byMid.get(transceiver.mid);
    this.dispatchEvent(new CustomEvent("track", { detail: { camera, track, receiver, mid: transceiver.mid } }));
  }

  #onCandidate(candidate) {
    // Names under .local mean nothing to the server; it learns those addresses from the connectivity checks.
    if (candidate?.candidate && !/\.local /.test(candidate.candidate)) this.pending.push(candidate);
    if (!candidate) this.gathered = true;
    this.#trickleSoon();
  }

  #trickleSoon() {
    if (!this.resource || this.closed) return;
    clearTimeout(this.trickleTimer);
    this.trickleTimer = setTimeout(() => this.#trickle(), TRICKLE_GATHER_MS);
  }

  async #trickle() {
    const candidates = this.pending.splice(0);
    if (candidates.length === 0 || !this.resource || this.closed) return;
    const body = sdpFragment(this.offer, candidates, this.gathered);
    try {
      await this.#send(this.resource, "PATCH", "application/trickle-ice-sdpfrag", body, this.etag ? { "If-Match": this.etag } : {});
    } catch {
      // Candidates are a help: without them the checks from our side still find the way, or the connection fails.
    }
  }

  async #send(url, method, type, body, headers = {}) {
    try {
      return await fetch(url, {
        method,
        headers: { "Content-Type": type, "X-CSRF-Token": this.options.csrf, ...headers },
        body,
        cache: "no-store",
      });
    } catch (error) {
      throw new WhepError(0, "no-answer", String(error));
    }
  }
}

async function problem(response) {
  let document = {};
  try {
    document = await response.json();
  } catch {
    // Not a problem document: the status speaks.
  }
  return new WhepError(response.status, document.code ?? "", document.detail ?? "");
}

function preferH264(transceiver) {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const first = codecs.filter((codec) => codec.mimeType.toLowerCase() === "video/h264");
  const helpers = codecs.filter((codec) => /\/(rtx|red|ulpfec|flexfec)/i.test(codec.mimeType));
  if (first.length > 0) transceiver.setCodecPreferences([...first, ...helpers]);
}
