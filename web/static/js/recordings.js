// Playback of recordings: all cameras of a viewing follow one clock, the time at which the pictures were taken.

import Hls from "../vendor/hls.light.min.mjs";
import { announce, language, text } from "./texts.js";
import { mediaTime } from "./logic_recordings.js";

const player = document.getElementById("player");
const form = document.getElementById("footage-form");
const byId = (id) => document.getElementById(id);
/** Seconds a camera may be beside the others before it is set right. */
const APART = 0.25;

/** @type {{video: HTMLVideoElement, figure: HTMLElement, hls: Hls}[]} */
let cameras = [];
let begin = 0;
let end = 0;
let at = 0;
let playing = false;
let looked = performance.now();

const parts = ({ hls }) => hls.levels[0]?.details?.fragments ?? [];
const clock = new Intl.DateTimeFormat(language, { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "medium" });

function draw() {
  byId("position").value = String((at - begin) / 1000);
  const words = clock.format(at);
  byId("clock").textContent = words;
  byId("position").setAttribute("aria-valuetext", words);
  const toggle = byId("toggle");
  toggle.textContent = playing ? toggle.dataset.pause : toggle.dataset.play;
}

/** Sets every camera to the clock; whether all that have pictures there can show them. */
function follow(exactly) {
  let ready = true;
  for (const camera of cameras) {
    const wanted = mediaTime(parts(camera), at);
    const { video, figure } = camera;
    figure.classList.toggle("gap", wanted === undefined && parts(camera).length > 0);
    if (wanted === undefined) {
      video.pause();
      continue;
    }
    const apart = Math.abs(video.currentTime - wanted);
    if (!video.seeking && apart > (exactly ? 0.001 : APART)) video.currentTime = wanted;
    if (video.seeking || video.readyState < 2) ready = false;
    video.playbackRate = Number(byId("speed").value);
    if (playing && video.paused && ready) video.play().catch(() => {});
    if (!playing && !video.paused) video.pause();
  }
  return ready;
}

function tick() {
  const now = performance.now();
  const passed = now - looked;
  looked = now;
  if (playing && follow(false)) {
    at = Math.min(end, at + passed * Number(byId("speed").value));
    if (at >= end) playing = false;
    draw();
  }
}

function move(to, exactly = true) {
  at = Math.min(end, Math.max(begin, to));
  follow(exactly);
  draw();
}

function toggle() {
  playing = !playing;
  if (playing && at >= end) at = begin;
  looked = performance.now();
  follow(false);
  draw();
}

const step = (ms) => {
  playing = false;
  move(at + ms);
};

function show(camera) {
  const figure = document.createElement("figure");
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.disableRemotePlayback = true;
  video.setAttribute("aria-label", camera.name);
  const caption = document.createElement("figcaption");
  caption.textContent = camera.name;
  const gap = document.createElement("p");
  gap.className = "rec-gap";
  gap.textContent = text("recordings-gap");
  figure.append(video, gap, caption);
  byId("wall").append(figure);
  // No worker: the page's security policy lets no script in that is not a file of this server.
  const hls = new Hls({ enableWorker: false, maxBufferLength: 20, backBufferLength: 20, startPosition: 0 });
  hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
    figure.dataset.parts = String(details.fragments.length);
    follow(true);
  });
  hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else hls.startLoad();
  });
  hls.loadSource(camera.playlist);
  hls.attachMedia(video);
  return { video, figure, hls };
}

function refuse(words) {
  const trouble = byId("trouble");
  trouble.textContent = words;
  trouble.hidden = words === "";
}

/** A `datetime-local` of the page, Paris, as the server's own drawing of it says. */
function instant(name) {
  const [date, time] = byId(name).value.split("T");
  const guess = new Date(`${date}T${time}Z`);
  const shown = new Date(`${guess.toLocaleString("sv-SE", { timeZone: "Europe/Paris" }).replace(" ", "T")}Z`);
  return new Date(guess.getTime() - (shown.getTime() - guess.getTime()));
}

async function open() {
  refuse("");
  const chosen = [...form.querySelectorAll("[name=cameras]:checked")].map((box) => box.value);
  let body;
  try {
    const [from, until] = [instant("from"), instant("until")];
    const answer = await fetch(player.dataset.open, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
      body: JSON.stringify({ cameras: chosen, from_utc: from.toISOString(), until_utc: until.toISOString() }),
    });
    body = await answer.json();
    if (!answer.ok) throw new Error((body.faults ?? []).map((fault) => `${fault.field}: ${fault.expected}`).join("; ") || body.detail);
    [begin, end, at] = [from.getTime(), until.getTime(), from.getTime()];
  } catch (error) {
    refuse(`${text("recordings-refused")} ${error.message}`);
    return;
  }
  for (const { hls } of cameras) hls.destroy();
  byId("wall").replaceChildren();
  playing = false;
  cameras = body.cameras.map(show);
  byId("position").max = String((end - begin) / 1000);
  byId("stage").hidden = false;
  draw();
  byId("toggle").focus();
  announce(text("recordings-ready"));
}

byId("open").addEventListener("click", open);
byId("toggle").addEventListener("click", toggle);
byId("back").addEventListener("click", () => move(at - 10_000));
byId("forward").addEventListener("click", () => move(at + 10_000));
byId("frame-back").addEventListener("click", () => step(-40));
byId("frame-forward").addEventListener("click", () => step(40));
byId("position").addEventListener("input", (event) => move(begin + Number(event.target.value) * 1000));
byId("speed").addEventListener("change", () => follow(false));
byId("stage").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select, input")) return;
  const deed = { ArrowLeft: () => move(at - 10_000), ArrowRight: () => move(at + 10_000), ",": () => step(-40), ".": () => step(40) }[event.key];
  if (event.key === " " && !event.target.matches("button")) toggle();
  else if (deed) deed();
  else return;
  event.preventDefault();
});
setInterval(tick, 50);
