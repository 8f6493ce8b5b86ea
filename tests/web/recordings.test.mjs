// The pure part of playback.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mediaTime, nextPicture, thumbnailInstants } from "../../web/static/js/logic_recordings.js";

/** Two parts of four seconds, a gap of a minute, one more. */
const PARTS = [
  { start: 0, duration: 4, programDateTime: 1_000_000 },
  { start: 4, duration: 4, programDateTime: 1_004_000 },
  { start: 8, duration: 4, programDateTime: 1_068_000 },
];

test("an instant is found in the media, and in a gap there is none", () => {
  assert.equal(mediaTime(PARTS, 1_000_000), 0);
  assert.equal(mediaTime(PARTS, 1_005_500), 5.5);
  assert.equal(mediaTime(PARTS, 1_069_000), 9);
  for (const at of [999_999, 1_008_000, 1_067_999, 1_072_000]) assert.equal(mediaTime(PARTS, at), undefined, String(at));
  assert.equal(mediaTime([{ start: 0, duration: 4, programDateTime: null }], 0), undefined);
});

test("where no camera has a picture, the clock goes on at the next that has", () => {
  const later = [{ start: 0, duration: 4, programDateTime: 1_030_000 }];
  assert.equal(nextPicture([PARTS, later], 1_001_000), 1_001_000);
  assert.equal(nextPicture([PARTS, later], 1_010_000), 1_030_000);
  assert.equal(nextPicture([PARTS, later], 900_000), 1_000_000);
  assert.equal(nextPicture([PARTS], 1_100_000), undefined);
  assert.equal(nextPicture([], 1), undefined);
});

test("thumbnails are spread over what there is, not over gaps", () => {
  assert.deepEqual(thumbnailInstants(PARTS, 3), [1_002_000, 1_006_000, 1_070_000]);
  assert.equal(thumbnailInstants(PARTS, 8).length, 8);
  for (const at of thumbnailInstants(PARTS, 8)) assert.notEqual(mediaTime(PARTS, at), undefined);
  assert.deepEqual(thumbnailInstants([], 8), []);
});
