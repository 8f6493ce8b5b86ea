// Pictures in a real browser over WHEP, without our pages: what is negotiated (A6-5), what is seen, what a cut does
// (A4-4), and a player that is not ours. The pages have a test of their own: story.test.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { fileTicket, startDemo, until } from "./support/demo.mjs";
import { complaints, launch, openWindow, traffic } from "./support/browser.mjs";
import { assertFlows, assertPictures, assertProblem, assertSilence, assertStrong, sentUnder } from "./support/asserts.mjs";

let demo, browser, operator, decider, administrator;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), launch()]);
  operator = await demo.login("operator");
  decider = await demo.login("decider");
  administrator = await demo.login("administrator");
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

/** A page of ours that is no player, logged in as this client. */
async function blankPage(client) {
  const context = await openWindow(browser);
  const [name, value] = client.cookie.split(/=(.*)/s);
  await context.addCookies([{ name, value, url: demo.url, secure: true, httpOnly: true }]);
  const page = await context.newPage();
  await page.goto(`${demo.url}/healthz`);
  return page;
}

/** Joins from the page with `count` receive-only videos; resolves to the answer's status, Location and body. */
function join(page, path, csrf, count) {
  return page.evaluate(async ({ path, csrf, count }) => {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    for (let index = 0; index < count; index += 1) peer.addTransceiver("video", { direction: "recvonly" });
    peer.addEventListener("track", ({ track }) => {
      const video = document.createElement("video");
      Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
      document.body.append(video);
    });
    await peer.setLocalDescription(await peer.createOffer());
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/sdp", "X-CSRF-Token": csrf }, body: peer.localDescription.sdp });
    const body = await response.text();
    if (response.status === 201) await peer.setRemoteDescription({ type: "answer", sdp: body });
    return { status: response.status, type: response.headers.get("Content-Type"), location: response.headers.get("Location"), body };
  }, { path, csrf, count });
}

const offerOf = (page) => page.evaluate(async () => {
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  const offer = await peer.createOffer();
  peer.close();
  return offer.sdp;
});

test("a decider's look, the operator's four cameras, the cut, and the dead ticket", async (t) => {
  const ticket = await fileTicket(demo, operator);
  const operatorPage = await blankPage(operator);
  t.after(() => operatorPage.context().close());

  await t.test("before the decision the operator gets nothing (A4-6)", async () => {
    const answer = await operator.offer(`/whep/tickets/${ticket}`, await offerOf(operatorPage));
    assertProblem(answer);
  });

  await t.test("the decider sees the cameras before deciding (A4-2)", async () => {
    const page = await blankPage(decider);
    const joined = await join(page, `/whep/tickets/${ticket}/viewing`, decider.csrf, 4);
    assert.equal(joined.status, 201, joined.body);
    await assertPictures(page, 4);
    assertStrong((await traffic(page)).transports);
    await page.context().close();
  });

  const approved = await decider.post(`/api/v1/tickets/${ticket}/approve`);
  assert.equal(approved.status, 200, JSON.stringify(approved.body));

  await t.test("the operator sees four cameras over AES-256 on every transport (A6-5)", async () => {
    const joined = await join(operatorPage, `/whep/tickets/${ticket}`, operator.csrf, 4);
    assert.equal(joined.status, 201, joined.body);
    await assertPictures(operatorPage, 4);
    assertStrong((await traffic(operatorPage)).transports);
  });

  await t.test("the administrator sees the live session (A6-7)", async () => {
    const sessions = await until("the operator's session is listed with its cipher", 20, async () => {
      const { body } = await administrator.get("/api/v1/sessions");
      const mine = body.sessions.filter((session) => session.ticket === ticket);
      return mine.length > 0 && JSON.stringify(mine).includes("AES") && mine;
    });
    assert.ok(sessions.length >= 1, JSON.stringify(sessions));
  });

  await t.test("the administrator cuts: no packet arrives any more (A4-4)", async () => {
    await assertFlows(operatorPage);
    const cut = await administrator.post(`/api/v1/tickets/${ticket}/interrupt`, { why: "essai de coupure" });
    assert.equal(cut.status, 200, JSON.stringify(cut.body));
    await assertSilence(operatorPage, await sentUnder(administrator, ticket));
  });

  await t.test("a new offer on the dead ticket is refused with a problem document", async () => {
    assertProblem(await operator.offer(`/whep/tickets/${ticket}`, await offerOf(operatorPage)));
  });

  await t.test("the register has the transfer, who cut it and in how many milliseconds (A4-4, A4-5)", async () => {
    const { body } = await administrator.get(`/api/v1/tickets/${ticket}`).then((answer) =>
      answer.status === 200 ? answer : operator.get(`/api/v1/tickets/${ticket}`));
    assert.equal(body.status, "closed");
    assert.ok(body.flowed_ms > 0, JSON.stringify(body));
    assert.ok(body.cut_ms >= 0 && body.cut_ms < 1000, `cut_ms ${body.cut_ms}`);
  });
});

test("a player that is not ours: @eyevinn/webrtc-player with a viewer token", async (t) => {
  const ticket = await fileTicket(demo, operator);
  const approved = await decider.post(`/api/v1/tickets/${ticket}/approve`);
  assert.equal(approved.status, 200, JSON.stringify(approved.body));
  t.after(() => operator.post(`/api/v1/tickets/${ticket}/end`));

  const bundle = await build({
    stdin: { contents: `export { WebRTCPlayer } from "@eyevinn/webrtc-player";`, resolveDir: new URL(".", import.meta.url).pathname },
    bundle: true, write: false, format: "esm", define: { global: "globalThis" }, logLevel: "error",
  });
  // The server opens its interface to no other origin, so the player's page stands on the server's own, put there by the
  // browser's driver: what it fetches besides itself goes to the real server.
  const context = await openWindow(browser);
  t.after(() => context.close());
  await context.route(`${demo.url}/third-party/**`, (route) => {
    const script = route.request().url().endsWith(".js");
    return route.fulfill({
      contentType: script ? "text/javascript" : "text/html; charset=utf-8",
      body: script ? bundle.outputFiles[0].text : "<!doctype html><title>player</title><video muted autoplay playsinline></video>",
    });
  });

  const { status, body } = await operator.post(`/api/v1/tickets/${ticket}/viewer-token`);
  assert.equal(status, 201, JSON.stringify(body));
  const page = await context.newPage();
  const troubles = complaints(page);
  await page.goto(`${demo.url}/third-party/player.html`);
  await page.evaluate(async ({ endpoint, token }) => {
    const { WebRTCPlayer } = await import("/third-party/player.js");
    const player = new WebRTCPlayer({ video: document.querySelector("video"), type: "whep", iceServers: [] });
    await player.load(new URL(endpoint), `Bearer ${token}`);
  }, { endpoint: new URL(body.endpoint, demo.url).href, token: body.token });
  await assertPictures(page, 1).catch((error) => { throw new Error(`${error.message}\n${troubles.join("\n")}`); });
  assertStrong((await traffic(page)).transports);

  const ended = await operator.post(`/api/v1/tickets/${ticket}/end`);
  assert.equal(ended.status, 200, JSON.stringify(ended.body));
  await assertSilence(page, await sentUnder(administrator, ticket));
});
