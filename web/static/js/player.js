// The pictures of a site on tiles: opens the WHEP session, keeps it, says how old each picture is and how it is encrypted.
//
// States: connecting, live, reconnecting, stopped. Once stopped (the server said no, the encryption is too weak, the
// ticket is over) it stays so until it is started again: nothing knocks on the server's door for ever.

import { OLD_AFTER_MS, MAX_ATTEMPTS, afterFailure, backoffMs, cipherVerdict, secondsText } from "./logic.js";
import { language, text } from "./texts.js";
import { Watermark } from "./watermark.js";
import { WhepClient, WhepError } from "./whep.js";

const LOOK_EVERY_MS = 500;
const CAMERAS_EVERY_MS = 4000;
/** A connection that says "disconnected" may come back by itself. */
const PATIENCE_MS = 1500;
/** No packet for so long while the server is there means that the way is lost. */
const SILENCE_MS = 4000;
const CONNECT_WITHIN_MS = 12_000;

/** One camera's tile. */
class Tile {
  constructor(element, words) {
    this.element = element;
    this.id = element.dataset.camera;
    this.video = element.querySelector("video");
    this.cover = element.querySelector(".tile-cover");
    this.age = element.querySelector("[data-age]");
    this.online = element.dataset.online === "true";
    this.lastFrame = NaN;
    this.frames = 0;
    for (const type of ["contextmenu", "dragstart"]) element.addEventListener(type, (event) => event.preventDefault());
    this.video.disablePictureInPicture = true;
    this.video.disableRemotePlayback = true;
    this.watermark = new Watermark(element.querySelector(".picture"), words);
  }

  take(track) {
    this.frames = 0;
    this.video.srcObject = new MediaStream([track]);
    this.video.play().catch(() => {});
    this.#follow();
  }

  #follow() {
    if (!this.video.requestVideoFrameCallback) return;
    const stream = this.video.srcObject;
    const next = () => {
      if (this.video.srcObject !== stream) return;
      this.lastFrame = performance.now();
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  /** Frames decoded as the statistics have it: the fall-back where there is no frame callback, or the page is hidden. */
  counted(frames) {
    if (frames > this.frames && (document.hidden || !this.video.requestVideoFrameCallback)) this.lastFrame = performance.now();
    this.frames = frames;
  }

  clear() {
    this.video.srcObject = null;
    this.lastFrame = NaN;
    this.show(false);
  }

  show(playing) {
    const age = performance.now() - this.lastFrame;
    const none = Number.isNaN(age);
    const old = !none && age > OLD_AFTER_MS;
    this.element.classList.toggle("empty-picture", none);
    this.element.classList.toggle("old", old);
    this.age.textContent = none ? "" : `${old ? `${text("frozen")} · ` : ""}${secondsText(age, language)}`;
    let words = "";
    if (!this.online) words = text("unreachable");
    else if (old) words = `${text("frozen")}, ${secondsText(age, language)}`;
    else if (none) words = playing ? text("waiting") : "";
    if (none && words === "") words = " ";
    this.cover.hidden = words === "";
    if (this.cover.textContent !== words) this.cover.textContent = words;
  }
}

/**
 * Events: `state` ({state}), `stopped` ({reason, problem?}) with reason `weak`, `elsewhere`, `login`, `refused`,
 * `gave-up`, `ended`; `probe` ({status}) when the server answers 4xx about the cameras.
 */
export class Player extends EventTarget {
  /**
   * @param {HTMLElement} root
   * @param {() => Promise<unknown>} [howThingsStand] asks the server before a lost viewing is asked for again; it stops
   *   the player where there is nothing to see any more
   */
  constructor(root, howThingsStand = async () => {}) {
    super();
    this.root = root;
    this.howThingsStand = howThingsStand;
    this.csrf = document.querySelector("meta[name=csrf-token]").content;
    const words = `${root.dataset.agent} · ${root.dataset.short}`;
    this.tiles = [...root.querySelectorAll(".tile")].map((element) => new Tile(element, words));
    this.state = "stopped";
    this.client = null;
    this.lastSession = null;
    this.iceServers = [];
    this.attempt = 0;
    this.busyTries = 0;
    addEventListener("pagehide", () => this.stop());
    addEventListener("online", () => this.#wake());
    document.addEventListener("ecluse:told", ({ detail }) => {
      if (detail.type === "camera-changed") this.#online(detail.camera, detail.online);
      // What the server has ended needs no giving back.
      if (detail.type === "session-changed" && detail.state === "ended" && detail.session === this.session) this.client.forget();
    });
  }

  /** The session under way. @returns {string | null} */
  get session() {
    return this.client?.session ?? null;
  }

  /** Starts, or starts again after a stop. */
  start() {
    if (this.state !== "stopped") return;
    this.attempt = 0;
    this.busyTries = 0;
    this.#become("connecting");
    this.looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.asking = setInterval(() => this.#cameras(), CAMERAS_EVERY_MS);
    this.#cameras();
    this.#try();
  }

  /** Stops for good and gives the session back. */
  stop() {
    this.#halt();
    this.client?.leave();
    this.client = null;
    this.lastSession = null;
  }

  #halt() {
    clearTimeout(this.retry);
    clearInterval(this.looking);
    clearInterval(this.asking);
    for (const tile of this.tiles) tile.clear();
    this.#become("stopped");
  }

  #end(reason, problem = null) {
    if (this.state === "stopped") return;
    this.stop();
    this.dispatchEvent(new CustomEvent("stopped", { detail: { reason, problem } }));
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }

  async #try() {
    clearTimeout(this.retry);
    this.client?.drop();
    const client = new WhepClient({
      url: this.root.dataset.whep,
      cameras: this.tiles.map((tile) => tile.id),
      csrf: this.csrf,
      replace: this.lastSession,
      iceServers: this.iceServers,
    });
    this.client = client;
    this.began = performance.now();
    this.bytes = -1;
    this.lastBytes = performance.now();
    this.verdict = "";
    this.troubleSince = NaN;
    client.addEventListener("track", ({ detail }) => {
      if (this.client === client) this.tiles.find((tile) => tile.id === detail.camera)?.take(detail.track);
    });
    client.addEventListener("state", ({ detail }) => this.client === client && this.#connection(detail.state));
    try {
      await client.open();
      if (this.client === client) {
        this.lastSession = client.session;
        this.iceServers = client.iceServers;
      }
    } catch (error) {
      if (this.client === client) this.#failed(error);
      else client.leave();
    }
  }

  #failed(error) {
    this.client.drop();
    if (!(error instanceof WhepError)) return this.#again();
    if (error.status === 404 && this.lastSession) {
      // The session we meant to take over is unknown: the server is another run than before. Ask without it, once.
      this.lastSession = null;
      return this.#again();
    }
    const next = afterFailure(error.status, error.code);
    if (next === "retry") return this.#again();
    if (next === "elsewhere") {
      // This page's own earlier session may still be on its way out (a reload).
      this.busyTries += 1;
      if (this.busyTries <= 3) {
        this.retry = setTimeout(() => this.#try(), 700);
        return undefined;
      }
    }
    return this.#end({ login: "login", elsewhere: "elsewhere", final: "refused" }[next], error);
  }

  #again() {
    this.client?.drop();
    if (this.state === "stopped") return;
    if (this.attempt >= MAX_ATTEMPTS) {
      this.#end("gave-up");
      return;
    }
    this.#become(this.lastSession || this.attempt > 0 ? "reconnecting" : "connecting");
    this.retry = setTimeout(() => this.#askAndTry(), backoffMs(this.attempt));
    this.attempt += 1;
  }

  /** A connection that ends may be a cut: the server's word comes first, so that nothing knocks on a closed gate. */
  async #askAndTry() {
    const { retry } = this;
    await this.howThingsStand();
    if (this.state !== "stopped" && this.retry === retry) await this.#try();
  }

  #wake() {
    if (this.state !== "reconnecting") return;
    this.attempt = 0;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.#askAndTry());
  }

  #connection(state) {
    if (state === "connected") {
      this.troubleSince = NaN;
    } else if (state === "disconnected") {
      this.troubleSince = performance.now();
    } else if (state === "failed" || state === "closed") {
      this.#again();
    }
  }

  async #look() {
    const client = this.client;
    if (!client || client.closed || this.state === "stopped") {
      for (const tile of this.tiles) tile.show(true);
      return;
    }
    const { transports, inbound } = await client.stats();
    if (client !== this.client || client.closed) return;
    const now = performance.now();
    let bytes = 0;
    for (const report of inbound) {
      bytes += report.bytesReceived ?? 0;
      const camera = client.byMid.get(report.mid);
      this.tiles.find((tile) => tile.id === camera)?.counted(report.framesDecoded ?? 0);
    }
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.lastBytes = now;
    }
    for (const tile of this.tiles) tile.show(true);
    const connected = client.pc.connectionState === "connected";
    if (connected && bytes > 0) {
      this.attempt = 0;
      this.busyTries = 0;
      if (now - this.lastBytes < SILENCE_MS) this.#become("live");
    }
    if (connected) this.#encryption(transports, now);
    if (now - this.troubleSince > PATIENCE_MS) this.#again();
    else if (!connected && this.lastSession && now - this.began > CONNECT_WITHIN_MS) this.#again();
    else if (connected && bytes > 0 && now - this.lastBytes > SILENCE_MS && this.tiles.some((tile) => tile.online)) {
      this.lastBytes = now;
      if (await this.#cameras()) this.#again();
    }
  }

  #encryption(transports, now) {
    const { verdict, srtp, dtls } = cipherVerdict(transports);
    if (verdict === "weak") {
      this.#end("weak", { detail: `${srtp} ${dtls}` });
      return;
    }
    if (verdict === this.verdict || (verdict === "unknown" && now - this.began < 3000)) return;
    this.verdict = verdict;
    const place = this.root.querySelector("[data-cipher]");
    place.textContent = text(verdict === "strong" ? "cipher" : "cipher-unknown");
    place.dataset.verdict = verdict;
    if (verdict === "strong") {
      place.dataset.srtp = srtp;
      place.dataset.dtls = dtls;
      place.title = `${srtp} · ${dtls}`;
      const code = document.createElement("code");
      code.textContent = srtp.replace(/^SRTP_/, "");
      place.append(" ", code);
    }
  }

  /** Asks which cameras are there; also the proof that the server is. @returns {Promise<boolean>} whether some camera is */
  async #cameras() {
    try {
      const response = await fetch(`/api/v1/tickets/${this.root.dataset.ticket}/cameras`, { cache: "no-store" });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        this.dispatchEvent(new CustomEvent("probe", { detail: { status: response.status } }));
      }
      if (!response.ok) return false;
      const { cameras } = await response.json();
      for (const camera of cameras) this.#online(camera.id, camera.online);
      return cameras.some((camera) => camera.online && (camera.frame_age_ms ?? 0) < OLD_AFTER_MS);
    } catch {
      return true;
    }
  }

  #online(id, online) {
    const tile = this.tiles.find((candidate) => candidate.id === id);
    if (!tile) return;
    tile.online = online;
    tile.element.dataset.online = String(online);
  }
}

/**
 * Shows the player's state in words beside the pictures.
 * @param {Player} player
 */
export function showState(player) {
  const place = player.root.querySelector("[data-player-state]");
  player.addEventListener("state", ({ detail: { state } }) => {
    place.dataset.state = state;
    place.textContent = text({ connecting: "connecting", live: "live", reconnecting: "reconnecting", stopped: "ended-title" }[state]);
  });
}
