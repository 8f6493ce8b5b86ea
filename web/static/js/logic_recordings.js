// The pure part of playback.

/**
 * The instant at which playback goes on: this one, or where no camera has a picture of it the next that has one.
 * @param {{duration: number, programDateTime: number|null}[][]} cameras the parts of each
 * @param {number} at milliseconds since 1970
 * @returns {number|undefined} `undefined`: there is none any more
 */
export function nextPicture(cameras, at) {
  if (cameras.some((parts) => mediaTime(parts, at) !== undefined)) return at;
  let next;
  for (const { programDateTime: start } of cameras.flat()) {
    if (start !== null && start !== undefined && start > at && !(start >= next)) next = start;
  }
  return next;
}

/**
 * Instants for a strip of thumbnails: the middle of each of `count` equal stretches where there are pictures.
 * @param {{start: number, duration: number, programDateTime: number|null}[]} parts of the playlist, in order
 * @param {number} count
 * @returns {number[]} milliseconds since 1970
 */
export function thumbnailInstants(parts, count) {
  const dated = parts.filter(({ programDateTime }) => programDateTime !== null && programDateTime !== undefined);
  const total = dated.reduce((sum, { duration }) => sum + duration, 0);
  const found = [];
  let passed = 0;
  for (const { duration, programDateTime } of dated) {
    while (found.length < count && (found.length + 0.5) * (total / count) < passed + duration) {
      found.push(programDateTime + ((found.length + 0.5) * (total / count) - passed) * 1000);
    }
    passed += duration;
  }
  return found;
}

/**
 * Where in a camera's own media an instant lies.
 * @param {{start: number, duration: number, programDateTime: number|null}[]} parts of the playlist, in order
 * @param {number} at milliseconds since 1970
 * @returns {number|undefined} seconds; `undefined`: there is no picture of that instant
 */
export function mediaTime(parts, at) {
  for (const { start, duration, programDateTime } of parts) {
    if (programDateTime === null || programDateTime === undefined) continue;
    const into = (at - programDateTime) / 1000;
    if (into >= 0 && into < duration) return start + into;
  }
  return undefined;
}

/** Seconds of media, at normal speed, by which a camera may be beside the clock before it waits or is waited for. */
const APART = 0.25;
/** How many times that is too far to be caught up by playing: the picture is looked up anew. */
const LOST = 8;
/** By how much a camera plays faster or slower than the others to come back to the clock: not visible. */
const NUDGE = 0.1;
/** Milliseconds after which the others no longer wait for a camera whose pictures do not come. */
export const PATIENCE = 8_000;
/** Milliseconds after which one that is awaited plays: a player passes over small holes in what it has only while it plays. */
const NUDGED = 1_000;

/**
 * @typedef {object} Seen one camera, as it is
 * @property {boolean} loaded whether it is known what there is of it
 * @property {number|undefined} wanted seconds of its own media the clock is at; `undefined`: it has no picture of that instant
 * @property {number} time
 * @property {boolean} seeking
 * @property {number} readyState
 * @property {boolean} ended these four as `HTMLMediaElement` has them
 * @property {number} waited milliseconds since it was seen to go on, or to be ready to
 */

/**
 * How a camera is: seconds it is behind the clock, or why that cannot be told.
 * @param {Seen} camera
 * @param {number} reach
 * @returns {number|"gap"|"over"|"lost"|"late"|"waiting"}
 */
function stateOf({ loaded, wanted, time, seeking, readyState, ended, waited }, reach) {
  const late = waited > PATIENCE;
  if (!loaded) return late ? "late" : "waiting";
  if (wanted === undefined) return "gap";
  // The last picture of what there is stays: to play on from there would be to begin anew.
  if (ended) return "over";
  const behind = wanted - time;
  // One that nobody waits for any more is looked up anew as the clock goes on, less often.
  if (readyState >= 1 && (late || !seeking) && Math.abs(behind) > LOST * reach * (late ? 4 : 1)) return "lost";
  if (late) return "late";
  return !seeking && readyState >= 2 ? behind : "waiting";
}

/**
 * What each camera does so that all show the same instant. The clock waits for pictures, never the other way round: where
 * not everything can be decoded at the speed that was asked for it plays slower, and looks nothing up anew for that.
 * @param {Seen[]} cameras
 * @param {number} step seconds by which the clock would go on
 * @param {number} speed 1: as recorded
 * @returns {{deeds: {deed: "play"|"pause"|"seek", rate: number}[], step: number}} `step`: by how much it does go on
 */
export function inStep(cameras, step, speed) {
  const reach = APART * Math.max(1, speed);
  const states = cameras.map((camera) => stateOf(camera, reach));
  const hold = cameras.some(({ waited }, which) => states[which] === "waiting" || (states[which] === "lost" && waited <= PATIENCE))
    || states.every((state) => state === "late" || state === "lost");
  const deeds = states.map((state, which) => {
    if (state === "lost") return { deed: "seek", rate: speed };
    if (state === "late" || (state === "waiting" && cameras[which].waited > NUDGED)) return { deed: "play", rate: speed };
    if (hold || typeof state !== "number" || state < -reach) return { deed: "pause", rate: speed };
    return { deed: "play", rate: speed * (1 + Math.min(NUDGE, Math.max(-NUDGE, state))) };
  });
  const behind = Math.max(0, ...states.filter((state) => typeof state === "number"));
  return { deeds, step: hold ? 0 : Math.min(step, Math.max(0, reach - behind)) };
}

/** Milliseconds taken before and after an event. */
const AROUND = 300_000;
/** The longest viewing, milliseconds: `MOST_VIEWING_HOURS` of the server. */
const LONGEST = 6 * 3_600_000;

/**
 * The period to look at for something that was chosen on the line: images themselves, or what lies around an event.
 * @param {{first: number, last: number, run: boolean}} chosen milliseconds since 1970; `run`: images
 * @param {number} now nothing later is there to be looked at
 * @returns {[number, number]}
 */
export function periodOf({ first, last, run }, now) {
  // To whole seconds, as the form has them, and not to none.
  const end = run ? Math.ceil(Math.min(last, first + LONGEST) / 1000) * 1000 : Math.min(last + AROUND, now);
  return [run ? first : first - AROUND, end];
}

/**
 * Where a key leads on the line: along a row, or to what is nearest in time on the row above or below.
 * @param {{row: number, first: number}[]} items row by row, each in the order of time
 * @param {number} current
 * @param {string} key as `KeyboardEvent.key` has it
 * @returns {number|undefined} `undefined`: this key leads nowhere
 */
export function itemAt(items, current, key) {
  const { row, first } = items[current];
  const places = (wanted) => items.map((_, place) => place).filter((place) => items[place].row === wanted);
  const same = places(row);
  const clamp = (place) => Math.min(same[same.length - 1], Math.max(same[0], place));
  switch (key) {
    case "ArrowLeft": return clamp(current - 1);
    case "ArrowRight": return clamp(current + 1);
    case "Home": return same[0];
    case "End": return same[same.length - 1];
    case "ArrowUp":
    case "ArrowDown": {
      const rows = items.map((item) => item.row).filter((other) => (key === "ArrowUp" ? other < row : other > row));
      if (rows.length === 0) return current;
      const next = places(key === "ArrowUp" ? Math.max(...rows) : Math.min(...rows));
      const apart = (place) => Math.abs(items[place].first - first);
      return next.reduce((best, place) => (apart(place) < apart(best) ? place : best));
    }
    default: return undefined;
  }
}
