// The pure part of playback.

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
