// Playback of recordings: all cameras of a viewing follow one clock, the time at which the pictures were taken.

import Hls from "../vendor/hls.light.min.mjs";
import { announce, language, text } from "./texts.js";
import { PATIENCE, inStep, mediaTime, nextPicture, thumbnailInstants } from "./logic_recordings.js";
import { timeline } from "./timeline.js";

const player = document.getElementById("player");
const form = document.getElementById("footage-form");
const lanes = document.getElementById("lanes");
const byId = (id) => document.getElementById(id);
/** Milliseconds without a picture after which a camera's place says that one is awaited. */
const SAY_AWAITED = 700;
/** How many thumbnails a viewing gets. */
const THUMBNAILS = 8;
/** Milliseconds of one picture, as the first camera's pictures are seen to come. */
let pictureMs = 40;

/**
 * `went`: when it was last seen to go on, or to be ready to; `time`: where it was then; `wanted`: where it is to be at the
 * instant `asked`, which is looked for once.
 * @typedef {{video: HTMLVideoElement, figure: HTMLElement, hls: Hls, went: number, time: number, asked?: number, wanted?: number}} Camera
 * @type {Camera[]}
 */
let cameras = [];
let begin = 0;
let end = 0;
let at = 0;
let playing = false;
let looked = performance.now();
/** Which strip of thumbnails is the current one: an earlier one stops. */
let strip = 0;
/** What can be played in the viewing that is open, camera by camera, with its thumbnails once they are all there. */
let playable = [];

const parts = ({ hls }) => hls.levels[0]?.details?.fragments ?? [];
const clock = new Intl.DateTimeFormat(language, { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "medium" });

function draw() {
  byId("position").value = String((at - begin) / 1000);
  const words = clock.format(at);
  byId("clock").textContent = words;
  byId("position").setAttribute("aria-valuetext", words);
  const toggle = byId("toggle");
  toggle.textContent = playing ? toggle.dataset.pause : toggle.dataset.play;
  const x = String((at - Number(lanes.dataset.from)) / 1000);
  for (const head of lanes.querySelectorAll(".rec-head")) {
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    head.setAttribute("visibility", "visible");
  }
}

const rate = (video, wanted) => { if (Math.abs(video.playbackRate - wanted) > 0.005) video.playbackRate = wanted; };

/** Whether it is known what there is of a camera. */
const isLoaded = ({ figure }) => figure.dataset.parts !== undefined;

/** Where each camera is to be now; `undefined` where it has no picture of this instant. */
function wantedOfEach(now) {
  return cameras.map((camera) => {
    if (camera.asked !== at) [camera.asked, camera.wanted] = [at, mediaTime(parts(camera), at)];
    const { video, figure, wanted } = camera;
    const isReady = !video.seeking && video.readyState >= 2;
    const isDone = isLoaded(camera) && (wanted === undefined || video.ended);
    // One that plays and stands still is not ready, whatever it says of itself.
    if (isDone || (isReady && (video.paused || video.currentTime !== camera.time))) camera.went = now;
    camera.time = video.currentTime;
    figure.classList.toggle("gap", isLoaded(camera) && wanted === undefined);
    figure.classList.toggle("late", now - camera.went > SAY_AWAITED);
    return wanted;
  });
}

/** Sets every camera to the very instant of the clock; playing, if it does, goes on once all are there. */
function place() {
  wantedOfEach(performance.now()).forEach((wanted, which) => {
    const { video } = cameras[which];
    video.pause();
    if (wanted !== undefined && Math.abs(video.currentTime - wanted) > 0.001) video.currentTime = wanted;
  });
}

function tick() {
  const now = performance.now();
  const passed = (now - looked) / 1000;
  looked = now;
  const wanted = wantedOfEach(now);
  if (!playing) return;
  // Where no camera has a picture, nobody waits.
  if (wanted.every((one) => one === undefined) && cameras.every((camera) => isLoaded(camera) || now - camera.went > PATIENCE)) {
    move(nextPicture(cameras.map(parts), at) ?? end);
    return;
  }
  const speed = Number(byId("speed").value);
  const seen = cameras.map((camera, which) => {
    const { currentTime: time, seeking, readyState, ended } = camera.video;
    return { loaded: isLoaded(camera), wanted: wanted[which], time, seeking, readyState, ended, waited: now - camera.went };
  });
  const { deeds, step: ahead } = inStep(seen, passed * speed, speed);
  deeds.forEach(({ deed, rate: wantedRate }, which) => {
    const { video } = cameras[which];
    rate(video, wantedRate);
    if (deed === "seek") video.currentTime = wanted[which];
    else if (deed === "play" && video.paused) video.play().catch(() => {});
    else if (deed === "pause" && !video.paused) video.pause();
  });
  at = Math.min(end, at + ahead * 1000);
  if (at >= end) halt();
  draw();
}

/** Stops where the clock is, every camera at the same instant. */
function halt() {
  playing = false;
  place();
}

function move(to) {
  at = Math.min(end, Math.max(begin, to));
  if (at >= end) playing = false;
  place();
  draw();
}

function toggle() {
  if (playing) halt();
  else {
    playing = true;
    if (at >= end) move(begin);
    looked = performance.now();
  }
  draw();
}

const step = (pictures) => {
  playing = false;
  move(at + pictures * pictureMs);
};

/** Learns how long one picture lasts: what most often lies between two that are shown one after the other. */
function learn(video) {
  if (!video.requestVideoFrameCallback) return;
  let last;
  const between = [];
  const shown = (_, { mediaTime: now, presentedFrames }) => {
    const passed = last && presentedFrames === last.presentedFrames + 1 ? (now - last.now) * 1000 : 0;
    // A busy machine leaves pictures out, and where a segment ends or somebody seeks there is less than one between two.
    if (passed > 5 && passed < 1000 && !video.paused && !video.seeking) {
      between.push(passed);
      if (between.length > 25) between.shift();
      pictureMs = [...between].sort((one, other) => one - other)[Math.floor(between.length / 2)];
    }
    last = { now, presentedFrames };
    if (video.isConnected) video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}

/** A strip of small pictures of one camera, out of the viewing that is open; each leads to its instant. */
async function thumbnails(camera) {
  strip += 1;
  const mine = strip;
  const { name, playlist } = camera;
  byId("thumbs").replaceChildren(...(camera.thumbnails ?? []));
  if (camera.thumbnails) return;
  const made = [];
  const video = document.createElement("video");
  video.muted = true;
  const hls = new Hls({ enableWorker: false, maxBufferLength: 1, backBufferLength: 0, startPosition: 0 });
  try {
    const loaded = new Promise((resolve) => {
      hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => resolve(details.fragments));
      // Nothing was recorded of it in this period, or nothing comes: there is no strip, and another camera may be chosen.
      hls.on(Hls.Events.ERROR, (_, { fatal, details }) => { if (fatal || details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR) resolve([]); });
    });
    hls.loadSource(playlist);
    hls.attachMedia(video);
    const found = await loaded;
    for (const instant of thumbnailInstants(found, THUMBNAILS)) {
      const there = new Promise((resolve) => { video.addEventListener("seeked", resolve, { once: true }); });
      video.currentTime = mediaTime(found, instant);
      await Promise.race([there, new Promise((resolve) => { setTimeout(resolve, 10_000); })]);
      if (mine !== strip) return;
      if (video.readyState < 2) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `${text("recordings-thumb")} ${name}, ${clock.format(instant)}`);
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [160, 90];
      canvas.getContext("2d").drawImage(video, 0, 0, 160, 90);
      button.append(canvas);
      button.addEventListener("click", () => move(instant));
      byId("thumbs").append(button);
      made.push(button);
    }
    // Looking at another camera's and coming back loads and decodes nothing again.
    if (found.length > 0) camera.thumbnails = made;
  } finally {
    hls.destroy();
  }
}

/** Lets the viewer choose whose thumbnails there are; at first the first camera's. */
function offerThumbnails(cameras) {
  playable = cameras;
  const choice = byId("thumb-camera");
  choice.replaceChildren(...cameras.map(({ camera, name }) => new Option(name, camera)));
  byId("thumb-choice").hidden = cameras.length < 2;
  thumbnails(cameras[0]).catch(() => {});
}

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
  const late = document.createElement("p");
  late.className = "rec-late";
  late.textContent = text("recordings-late");
  figure.append(video, gap, late, caption);
  byId("wall").append(figure);
  // No worker: the page's security policy lets no script in that is not a file of this server.
  const hls = new Hls({ enableWorker: false, maxBufferLength: 20, backBufferLength: 20, startPosition: 0 });
  const shown = { video, figure, hls, went: performance.now(), time: 0 };
  hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
    figure.dataset.parts = String(details.fragments.length);
    shown.asked = undefined;
    place();
  });
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details }) => {
    // Nothing was recorded of it in this period: there is nothing to be loaded again.
    if (details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR) figure.dataset.parts = "0";
    if (!fatal || figure.dataset.parts === "0") return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else hls.startLoad();
  });
  hls.loadSource(camera.playlist);
  hls.attachMedia(video);
  return shown;
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
  // Said before the viewing is recorded: there would be nothing to see.
  if (!Hls.isSupported()) {
    refuse(text("recordings-unsupported"));
    return;
  }
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
  if (cameras.length > 0) {
    learn(cameras[0].video);
    offerThumbnails(body.cameras);
  }
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
byId("frame-back").addEventListener("click", () => step(-1));
byId("frame-forward").addEventListener("click", () => step(1));
byId("position").addEventListener("input", (event) => move(begin + Number(event.target.value) * 1000));
byId("thumb-camera").addEventListener("change", ({ target }) => thumbnails(playable[target.selectedIndex]).catch(() => {}));
byId("stage").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select, input")) return;
  const deed = { ArrowLeft: () => move(at - 10_000), ArrowRight: () => move(at + 10_000), ",": () => step(-1), ".": () => step(1) }[event.key];
  if (event.key === " " && !event.target.matches("button")) toggle();
  else if (deed) deed();
  else return;
  event.preventDefault();
});

timeline((instantOf) => {
  const within = !byId("stage").hidden && instantOf >= begin && instantOf <= end;
  if (within) move(instantOf);
  return within;
});

/** The export leaves as a download; how far it is, the server tells. */
async function watchExport(number) {
  const [bar, words] = [byId("export-bar"), byId("export-words")];
  byId("export-state").hidden = false;
  bar.value = 0;
  words.textContent = text("recordings-export-running");
  for (let unknown = 0; unknown < 20;) {
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const answer = await fetch(`/api/v1/exports/${number}`).catch(() => undefined);
    const { state, bytes, bytes_total: total } = answer?.ok ? await answer.json() : { state: "unknown" };
    if (state === "unknown") {
      unknown += 1;
      continue;
    }
    bar.value = total > 0 ? bytes / total : Number(state.startsWith("finished"));
    if (state !== "running") {
      words.textContent = text(`recordings-export-${state}`);
      return;
    }
  }
  words.textContent = text("recordings-export-failed");
}

form.addEventListener("submit", () => {
  const number = crypto.randomUUID();
  byId("progress-number").value = number;
  watchExport(number);
});
setInterval(tick, 50);
