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
  // Whoever falls behind waits for the next keyframe, seconds away: no picture moves in every look.
  let seen;
  await until("all of them move", 30, async () => {
    seen = await pictures(page);
    return seen.length === cameras && seen.every(({ movement }) => movement > 0.1);
  }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`); });
  for (const picture of seen) {
    assert.ok(picture.height >= 720, `at least 720 lines: ${picture.height}`);
    assert.ok(picture.contrast > 10, `not one grey: contrast ${picture.contrast}`);
  }
}

const packets = ({ videos }) => videos.reduce((sum, video) => sum + video.packets, 0);

/** Pictures flow now: the count of packets grows. */
export async function assertFlows(page) {
  const before = packets(await traffic(page));
  await until("packets arrive", 20, async () => packets(await traffic(page)) > before);
}

/**
 * A4-4: nothing arrives any more. Once the cut's command has been answered, nothing leaves the server; what had left
 * before may still wait in this machine's sockets and in the browser's own queues. So the count must come to rest, stay
 * there for `seconds`, and (with `sent`, the server's own count of what had left when the gate shut) never exceed it.
 */
export async function assertSilence(page, sent = undefined, seconds = 5) {
  let resting = packets(await traffic(page));
  await until("the count of packets comes to rest", 10, async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = resting;
    resting = packets(await traffic(page));
    return before === resting;
  });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { videos } = await traffic(page);
  assert.ok(videos.length > 0, "the connection is still there to be asked");
  assert.equal(packets({ videos }), resting, "packets received after the cut");
  if (sent !== undefined) assert.ok(resting <= sent, `${resting} packets were received, ${sent} had left when the gate shut`);
}

/** What had left for a ticket's transfers when their gates shut, by the register: packets, all viewers together. */
export async function sentUnder(client, ticket) {
  const { status, body } = await client.get("/api/v1/register?limit=500");
  assert.equal(status, 200, JSON.stringify(body));
  const events = body.lines.map((line) => line.event);
  const own = events.filter((event) => event.type === "session-granted" && event.purpose.ticket === ticket && event.purpose.purpose === "transfer");
  const ids = new Set(own.map((event) => event.session));
  const ended = events.filter((event) => event.type === "session-ended" && ids.has(event.session));
  assert.ok(ended.length > 0, "the register has the end of the transfer");
  return ended.reduce((sum, event) => sum + event.traffic.packets, 0);
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
