// A line that lets no UDP through (A7-1): the browser may use nothing but a TURN relay over TCP. The relay is coturn, the
// server a real `ecluse serve` whose configuration names it; the page learns of it from the server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client, binary, fileTicket, startDemo, until } from "./support/demo.mjs";
import { launch, openWindow, traffic } from "./support/browser.mjs";
import { assertPictures, assertSilence, assertStrong, sentUnder } from "./support/asserts.mjs";

const RELAY = { user: "csu", password: "relay-for-a-test" };
let demo, browser, relay, server, pusher, administrator;

before(async () => {
  // The demo makes authority, people, site and footage; then the real server takes its place.
  demo = await startDemo({ cameras: 1 });
  browser = await launch();
  await demo.pause();
  const port = await freePort();
  relay = start("turnserver", ["-n", "--log-file=stdout", "--lt-cred-mech", `--user=${RELAY.user}:${RELAY.password}`, "--realm=ecluse.test",
    "--listening-ip=127.0.0.1", `--relay-ip=${ownAddress()}`, `--listening-port=${port}`, "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers",
    `--pidfile=${join(demo.directory, "turn.pid")}`, `--db=${join(demo.directory, "turn.db")}`]);
  const file = join(demo.directory, "ecluse.toml");
  const url = `turn://${RELAY.user}:${RELAY.password}@127.0.0.1:${port}?transport=tcp`;
  writeFileSync(file, readFileSync(file, "utf8").replace("[webrtc]\n", `[webrtc]\nturn_servers = ["${url}"]\n`));
  server = start(binary(), ["serve", "--config", file]);
  // Asked without a log-in: each try of one would use up a code, and the next is half a minute away.
  await until("the server answers", 60, async () => (await new Client(demo).get("/login")).status === 200);
  administrator = await demo.login("administrator");
  const { url: push, user, password } = demo.cameras[0];
  const clips = join(demo.directory, "clips");
  const clip = readdirSync(clips).find((name) => name.startsWith("camera-1-"));
  pusher = start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", join(clips, clip),
    "-c", "copy", "-an", "-f", "rtsp", "-rtsp_transport", "tcp", push.replace("rtsps://", `rtsps://${user}:${password}@`)]);
  await until("the camera is online", 60, async () => {
    const { body } = await administrator.get("/api/v1/cameras");
    return body.sites.some((site) => site.cameras.some((camera) => camera.online));
  }).catch((error) => { throw new Error(`${error.message}\n${server.log}\n${pusher.log}`); });
});

after(async () => {
  await browser?.close();
  for (const child of [pusher, server, relay]) await child?.stop();
  await demo?.stop();
});

/** A child with its words, ended by its process id. */
function start(command, args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const running = { log: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { running.log = (running.log + data).slice(-50_000); });
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", (error) => { running.log += String(error); resolve(); });
  });
  running.stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  };
  return running;
}

/** The address at which this machine's programs reach each other: what the server gathers too. */
function ownAddress() {
  const all = Object.values(networkInterfaces()).flat();
  return all.find((one) => one.family === "IPv4" && !one.internal)?.address ?? "127.0.0.1";
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

test("a7_1 without UDP the pictures come over the relay, in AES-256, until the cut", async (t) => {
  const [operator, decider] = await Promise.all(["operator", "decider"].map((role) => demo.login(role)));
  const ticket = await fileTicket(demo, operator);
  const approved = await decider.post(`/api/v1/tickets/${ticket}/approve`);
  assert.equal(approved.status, 200, JSON.stringify(approved.body));

  const context = await openWindow(browser);
  t.after(() => context.close());
  await context.addInitScript(() => {
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(settings) {
        super({ ...settings, iceTransportPolicy: "relay" });
      }
      setConfiguration(settings) {
        super.setConfiguration({ ...settings, iceTransportPolicy: "relay" });
      }
    };
  });
  const [name, value] = operator.cookie.split(/=(.*)/s);
  await context.addCookies([{ name, value, url: demo.url, secure: true, httpOnly: true }]);
  const page = await context.newPage();
  await page.goto(`${demo.url}/tickets/${ticket}/watch`);
  await assertPictures(page, 1).catch((error) => { throw new Error(`${error.message}\n${relay.log}\n${server.log}`); });
  assertStrong((await traffic(page)).transports);

  const way = await page.evaluate(async () => {
    const peer = window.peers.at(-1);
    const reports = [...(await peer.getStats()).values()];
    const pair = reports.find((report) => report.id === reports.find((other) => other.type === "transport").selectedCandidatePairId);
    const local = reports.find((report) => report.id === pair.localCandidateId);
    return { type: local.candidateType, relay: local.relayProtocol };
  });
  assert.deepEqual(way, { type: "relay", relay: "tcp" });

  const cut = await administrator.post(`/api/v1/tickets/${ticket}/interrupt`, { why: "essai" });
  assert.equal(cut.status, 200, JSON.stringify(cut.body));
  // The page closes its connection when it hears of the end; what the browser had received by then is what counts.
  await assertSilence(page, await sentUnder(administrator, ticket)).catch((error) => {
    if (!/still there to be asked/.test(error.message)) throw error;
  });
  assert.ok(!server.log.includes(RELAY.password), "the relay's password is in no log");
});
