// How long a viewer waits for the first picture: from the offer to the first frame presented, in a real Chromium.
// Started by first_frame.rs; prints one JSON line: {"cipher": ..., "first_ms": [...], "all_ms": [...], ...}.
//
// node first_frame.mjs DEMO_JSON TICKET CAMERAS JOINS
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(new URL("../tests/browser/package.json", import.meta.url));
const { chromium } = require("playwright-core");
// The codes of the second factor: each is taken once.
const { code } = await import(new URL("../tests/browser/support/demo.mjs", import.meta.url));

const [demoPath, ticket, cameras, joins] = process.argv.slice(2);
const demo = JSON.parse(readFileSync(demoPath, "utf8"));
const operator = demo.people.find((person) => person.role === "operator");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
});
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  let response;
  // first_frame.rs has used a code of the same person: the server says no to that one, and yes to the next.
  for (let tries = 0; tries < 3 && !response?.ok(); tries += 1) {
    response = await context.request.post(`${demo.https_url}/api/v1/login`, {
      headers: { Origin: demo.https_url },
      data: { email: operator.email, password: operator.password, code: await code(operator) },
    });
  }
  if (!response.ok()) throw new Error(`log-in: ${response.status()} ${await response.text()}`);
  const login = await response.json();
  const page = await context.newPage();
  await page.goto(`${demo.https_url}/login`);
  const result = { first_ms: [], all_ms: [], answer_ms: [], connected_ms: [], cipher: "", dropped: 0 };
  for (let join = 0; join < Number(joins); join += 1) {
    const one = await page.evaluate(measure, { ticket, cameras: Number(cameras), csrf: login.csrf_token });
    for (const key of ["first_ms", "all_ms", "answer_ms", "connected_ms"]) result[key].push(one[key]);
    result.cipher = one.cipher;
    result.dropped += one.dropped;
  }
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}

/** Runs in the page: joins once, waits for a presented frame of every camera, leaves. */
async function measure({ ticket, cameras, csrf }) {
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const videos = [];
  const presented = [];
  for (let index = 0; index < cameras; index += 1) peer.addTransceiver("video", { direction: "recvonly" });
  let connectedAt;
  peer.addEventListener("connectionstatechange", () => {
    if (peer.connectionState === "connected") connectedAt ??= performance.now();
  });
  peer.addEventListener("track", (event) => {
    const video = document.createElement("video");
    video.muted = true;
    video.autoplay = true;
    video.width = 320;
    video.srcObject = new MediaStream([event.track]);
    document.body.prepend(video);
    videos.push(video);
    presented.push(new Promise((resolve) => video.requestVideoFrameCallback((now) => resolve(now))));
  });
  await peer.setLocalDescription(await peer.createOffer());
  const offeredAt = performance.now();
  const response = await fetch(`/whep/tickets/${ticket}`, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", "X-CSRF-Token": csrf },
    body: peer.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`WHEP: ${response.status} ${answer}`);
  const answeredAt = performance.now();
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no picture within 30 s")), 30_000));
  const first = await Promise.race([...presented, late]);
  await Promise.race([Promise.all(presented), late]);
  const all = performance.now();
  let cipher = "";
  let dropped = 0;
  for (const report of (await peer.getStats()).values()) {
    if (report.type === "transport") cipher = `${report.srtpCipher} ${report.dtlsCipher}`;
    if (report.type === "inbound-rtp") dropped += report.framesDropped ?? 0;
  }
  await fetch(response.headers.get("Location"), { method: "DELETE", headers: { "X-CSRF-Token": csrf } });
  peer.close();
  for (const video of videos) video.remove();
  return {
    first_ms: first - offeredAt, all_ms: all - offeredAt, answer_ms: answeredAt - offeredAt,
    connected_ms: (connectedAt ?? all) - offeredAt, cipher, dropped,
  };
}
