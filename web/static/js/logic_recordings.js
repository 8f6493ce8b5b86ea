// The pure part of playback.

/**
 * The instant at which playback goes on: this one, or where no camera has a picture of it the next that has one.
 * @param {{duration: number, programDateTime: number|null}[][]} cameras the parts of each
 * @param {number} at milliseconds since 1970
 * @returns {number|undefined} `undefined`: there is none any more
 */
export function nextPicture(cameras, at) {
  const dated = cameras.flat().filter(({ programDateTime }) => programDateTime !== null && programDateTime !== undefined);
  if (dated.some(({ duration, programDateTime }) => programDateTime <= at && at < programDateTime + duration * 1000)) return at;
  const later = dated.map(({ programDateTime }) => programDateTime).filter((start) => start > at);
  return later.length > 0 ? Math.min(...later) : undefined;
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
