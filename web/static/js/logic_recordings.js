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
