// The pure part of playback.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PATIENCE, inStep, itemAt, mediaTime, nextPicture, periodOf, thumbnailInstants } from "../../web/static/js/logic_recordings.js";

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
  // Sixty cameras' six hours: more parts than one call of a function takes arguments.
  const hours = Array.from({ length: 400_000 }, (_, part) => ({ start: part, duration: 1, programDateTime: 2_000_000 + part * 1000 }));
  assert.equal(nextPicture([hours], 1), 2_000_000);
});

test("thumbnails are spread over what there is, not over gaps", () => {
  assert.deepEqual(thumbnailInstants(PARTS, 3), [1_002_000, 1_006_000, 1_070_000]);
  assert.equal(thumbnailInstants(PARTS, 8).length, 8);
  for (const at of thumbnailInstants(PARTS, 8)) assert.notEqual(mediaTime(PARTS, at), undefined);
  assert.deepEqual(thumbnailInstants([], 8), []);
});

test("a5_6 around an event five minutes before and after, never beyond now; of images themselves at most a viewing", () => {
  const [at, minute] = [1_764_072_000_000, 60_000];
  const event = { first: at, last: at, run: false };
  assert.deepEqual(periodOf(event, at + 3_600_000), [at - 5 * minute, at + 5 * minute]);
  assert.deepEqual(periodOf(event, at + 2 * minute), [at - 5 * minute, at + 2 * minute]);
  assert.deepEqual(periodOf({ ...event, last: at + 20 * minute }, at + 3_600_000), [at - 5 * minute, at + 25 * minute]);
  assert.deepEqual(periodOf({ first: at, last: at + 90 * minute, run: true }, at + 9e9), [at, at + 90 * minute]);
  assert.deepEqual(periodOf({ first: at, last: at + 24 * 60 * minute, run: true }, at + 9e9), [at, at + 360 * minute]);
  assert.deepEqual(periodOf({ first: at, last: at + 400, run: true }, at + 9e9), [at, at + 1000], "not an empty one");
});

test("the arrow keys reach every bar and every event of the line, and nothing else", () => {
  const items = [[0, 10], [0, 50], [0, 90], [2, 20], [5, 0], [5, 80]].map(([row, first]) => ({ row, first }));
  const to = (from, ...keys) => keys.reduce((place, key) => itemAt(items, place, key), from);
  assert.equal(to(0, "ArrowRight", "ArrowRight", "ArrowRight"), 2, "the end of a row holds");
  assert.equal(to(2, "ArrowLeft", "ArrowLeft", "ArrowLeft"), 0);
  assert.deepEqual([to(1, "Home"), to(1, "End")], [0, 2]);
  assert.deepEqual([to(2, "ArrowDown"), to(2, "ArrowDown", "ArrowDown"), to(5, "ArrowDown")], [3, 4, 5]);
  assert.deepEqual([to(5, "ArrowUp", "ArrowUp"), to(0, "ArrowUp"), to(1, "ArrowDown", "ArrowUp")], [0, 0, 0]);
  assert.equal(itemAt(items, 0, "x"), undefined);
  const reached = new Set([0]);
  for (const place of reached) for (const key of ["ArrowRight", "ArrowDown"]) reached.add(itemAt(items, place, key));
  assert.equal(reached.size, items.length);
});

const CAMERA = { loaded: true, wanted: 10, time: 10, seeking: false, readyState: 4, ended: false, waited: 0 };
const deeds = (cameras, step = 0.05, speed = 1) => {
  const { deeds: all, step: on } = inStep(cameras.map((camera) => ({ ...CAMERA, ...camera })), step, speed);
  return [all.map(({ deed }) => deed).join(" "), on];
};

test("the clock waits for the pictures, and the cameras for each other", () => {
  assert.deepEqual(deeds([{}, { time: 9.9 }]), ["play play", 0.05]);
  assert.deepEqual(deeds([{}, { time: 9.7 }]), ["play play", 0], "one is late: it plays, the clock stands");
  assert.deepEqual(deeds([{}, { time: 10.3 }]), ["play pause", 0.05], "one is early: it waits");
  assert.deepEqual(deeds([{}, { seeking: true }]), ["pause pause", 0]);
  assert.deepEqual(deeds([{}, { readyState: 1 }]), ["pause pause", 0]);
  assert.deepEqual(deeds([{}, { time: 3 }]), ["pause seek", 0], "too far to be caught up");
  assert.deepEqual(deeds([{}, { time: 7 }], 0.2, 4), ["play play", 0], "at four times the speed it is not");
  assert.deepEqual(deeds([{}, { wanted: undefined }]), ["play pause", 0.05], "in a gap nobody is waited for");
  assert.deepEqual(deeds([{}, { ended: true, readyState: 2 }]), ["play pause", 0.05], "after the last picture it does not begin anew");
  const [late, early] = inStep([{ ...CAMERA, time: 9.8 }, { ...CAMERA, time: 10.05 }], 0.05, 2).deeds;
  assert.ok(late.rate > 2 && late.rate <= 2.2 && early.rate < 2 && early.rate >= 1.8, JSON.stringify([late, early]));
});

test("a camera whose pictures do not come keeps the others waiting for a while, not for ever", () => {
  const [soon, late] = [{ waited: 900 }, { waited: PATIENCE + 1 }];
  assert.deepEqual(deeds([{}, { seeking: true, ...soon }]), ["pause pause", 0]);
  assert.deepEqual(deeds([{}, { seeking: true, waited: PATIENCE }]), ["pause play", 0], "playing, it may pass over a hole");
  for (const [what, stalled] of Object.entries({
    "a seek that does not end": { seeking: true },
    "nothing decoded": { time: 0, readyState: 0 },
    "a buffer that has run out, or a decoder that has given up": { time: 9.7, readyState: 2 },
    "what there is of it is not known": { loaded: false, wanted: undefined },
  })) {
    assert.equal(deeds([{}, { ...stalled, ...soon }])[1], 0, what);
    assert.deepEqual(deeds([{}, { ...stalled, ...late }]), ["play play", 0.05], what);
    assert.deepEqual(deeds([{ wanted: undefined }, { ...stalled, ...late }]), ["pause play", 0.05], `${what}, the other in a gap`);
    assert.equal(deeds([{ ...stalled, ...late }])[1], 0, `${what}: without any picture the clock stands`);
  }
  assert.deepEqual(deeds([{}, { time: 1, seeking: true, ...late }]), ["play seek", 0.05], "it is looked up where the clock is by now");
  assert.deepEqual(deeds([{}, { time: 7, seeking: true, ...late }]), ["play play", 0.05], "not at every step");
});

test("four cameras on a machine that decodes too slowly play slower, in step, and seek nothing", () => {
  // Sixteen seconds of media a second are asked for, five can be decoded; the first camera's share is the smallest.
  const shares = [0.7, 1.3, 1.4, 1.6];
  const wall = shares.map(() => ({ ...CAMERA, wanted: 0, time: 0, paused: true, rate: 4 }));
  let [at, rounds] = [0, 0];
  for (; at < 8 && rounds < 1000; rounds += 1) {
    for (const [which, camera] of wall.entries()) if (!camera.paused) camera.time += 0.05 * Math.min(camera.rate, shares[which]);
    const { deeds: all, step } = inStep(wall.map((camera) => ({ ...camera, wanted: at })), 0.2, 4);
    all.forEach(({ deed, rate }, which) => {
      assert.notEqual(deed, "seek");
      Object.assign(wall[which], { paused: deed !== "play", rate });
    });
    at += step;
    for (const { time } of wall) assert.ok(Math.abs(time - at) <= 1.3, `${time} at ${at}`);
  }
  assert.ok(rounds * 0.05 < (8 / 0.7) * 1.1, `as fast as the slowest can: ${rounds * 0.05} s`);
});
