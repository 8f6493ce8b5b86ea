// What must hold of pictures, ciphers and cuts, said once.

import assert from "node:assert/strict";
import { until } from "./demo.mjs";
import { pictures, traffic } from "./browser.mjs";

/** A6-5: every transport is AES-256, by the browser's own account. */
export function assertStrong(transports) {
  assert.ok(transports.length > 0, "there is a transport");
  for (const transport of transports) {
    assert.equal(transport.srtp, "SRTP_AEAD_AES_256_GCM");
    assert.match(transport.dtls ?? "", /AES_256|AES256/);
  }
}

/** So many cameras are seen: decoded, neither black nor frozen. */
export async function assertPictures(page, cameras) {
  await until(`${cameras} videos decode`, 60, async () => {
    const { videos } = await traffic(page);
    return videos.filter((video) => video.frames > 5).length === cameras;
  });
  const seen = await pictures(page);
  assert.equal(seen.length, cameras, `videos on the page: ${JSON.stringify(seen)}`);
  for (const picture of seen) {
    assert.ok(picture.height >= 720, `at least 720 lines: ${picture.height}`);
    assert.ok(picture.contrast > 10, `not one grey: contrast ${picture.contrast}`);
    assert.ok(picture.movement > 0.1, `not frozen: movement ${picture.movement}`);
  }
}

const packets = ({ videos }) => videos.reduce((sum, video) => sum + video.packets, 0);

/** Pictures flow now: the count of packets grows. */
export async function assertFlows(page) {
  const before = packets(await traffic(page));
  await until("packets arrive", 20, async () => packets(await traffic(page)) > before);
}

/**
 * A4-4: nothing arrives any more. `cutAt` is the browser's clock (`Date.now()`) when the cut's command had been answered:
 * the keeper answers after the gate is shut, so no packet may carry a later time, whenever one looks.
 */
export async function assertSilence(page, cutAt, seconds = 5) {
  const first = await traffic(page);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const second = await traffic(page);
  assert.ok(first.videos.length > 0, "the connection is still there to be asked");
  assert.equal(packets(second), packets(first), "packets received after the cut");
  for (const video of second.videos) {
    // What was on its way through this machine's sockets may be booked a moment later.
    assert.ok(video.at <= cutAt + 250, `last packet ${video.at - cutAt} ms after the cut was answered`);
  }
}

/** RFC 9457: a refusal that says what it is. */
export function assertProblem(answer, code = undefined) {
  assert.ok(answer.status >= 400 && answer.status < 500, `a 4xx: ${answer.status}`);
  assert.match(answer.headers["content-type"], /^application\/problem\+json/);
  assert.equal(answer.body.status, answer.status);
  assert.match(answer.body.type, /^urn:ecluse:problem:/);
  assert.ok(answer.body.title && answer.body.detail, JSON.stringify(answer.body));
  if (code) assert.equal(answer.body.code, code);
}
