// The real `ecluse demo`, in a directory of its own, on ports of its own; and its API as its people use it.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { setDefaultResultOrder } from "node:dns";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// The demo listens on 127.0.0.1, and Node 18 (Debian 12) tries the first address of "localhost" alone.
setDefaultResultOrder("ipv4first");

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Asks `condition` until it answers something true, and returns that; after `seconds` fails with what was hoped for. */
export async function until(hope, seconds, condition) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${hope}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The program under test. */
export function binary() {
  const path = process.env.ECLUSE_BIN ?? join(root, "target/debug/ecluse");
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build, or set ECLUSE_BIN`);
  return path;
}

/**
 * Starts the demo; resolves when its cameras are online. `dark`: nothing pushes to them. `more`: further arguments. `left`:
 * the directory of one that was paused.
 */
export async function startDemo({ cameras = 4, dark = false, more = [], left } = {}) {
  const directory = left ?? mkdtempSync(join(tmpdir(), "ecluse-browser-"));
  if (!left) {
    // The clips are the same every time and take a minute or two to encode.
    const clips = join(root, "target/browser-clips");
    mkdirSync(clips, { recursive: true });
    symlinkSync(clips, join(directory, "clips"));
  }
  const child = spawn(binary(),
    ["demo", "--https", "127.0.0.1:0", "--rtsp", "127.0.0.1:0", "--data-dir", directory, "--cameras", String(cameras),
      ...(dark ? ["--no-pusher"] : []), ...more],
    { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { log = (log + data).slice(-100_000); });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(`${code ?? signal}`)));
  let over;
  ended.then((how) => { over = how; });

  const demo = {
    directory,
    get log() { return log; },
    /** Ends the server and leaves its directory. */
    async pause() {
      if (over === undefined) child.kill("SIGINT");
      const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const how = await ended;
      clearTimeout(late);
      return how;
    },
    async stop() {
      const how = await demo.pause();
      rmSync(directory, { recursive: true, force: true });
      return how;
    },
  };
  try {
    const file = await until("the demo is up", 600, () => {
      if (over !== undefined) throw new Error(`it ended with ${over}`);
      if (!existsSync(join(directory, "demo.json"))) return false;
      const told = JSON.parse(readFileSync(join(directory, "demo.json"), "utf8"));
      // The one before has left its own, by which this one knows its people.
      return told.pid === child.pid && told;
    }).catch((error) => { throw new Error(`${error.message}\n${log}`); });
    Object.assign(demo, { url: file.https_url, mails: file.mails_url, site: file.site, people: file.people, cameras: file.cameras, pid: file.pid, workstation: file.workstation, ca: readFileSync(file.ca) });
    demo.person = (role) => demo.people.find((person) => person.role === role);
    demo.login = (role) => Client.login(demo, demo.person(role));
    const administrator = await demo.login("administrator");
    if (dark) return demo;
    await until(`${cameras} cameras are online`, 120, async () => {
      const { body } = await administrator.get("/api/v1/cameras");
      return body.sites.flatMap((site) => site.cameras).filter((camera) => camera.online).length === cameras;
    });
    return demo;
  } catch (error) {
    await demo.stop();
    throw new Error(`${error.message}\n${log}`);
  }
}

/** Base32 without padding, as bytes. */
function bytesOf(base32) {
  const bits = [...base32].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

/** The code of one 30 s step (RFC 6238), as an authenticator application computes it. */
export function totp(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", bytesOf(secret)).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The newest step each secret's code was used for. @type {Map<string, number>} */
const used = new Map();

/**
 * A code of this person that has not been used: the server takes each once, and the steps before and after the current
 * one too. Waits where all three are used.
 */
export async function code(person) {
  for (;;) {
    const seconds = Math.floor(Date.now() / 1000);
    const now = Math.floor(seconds / 30);
    // The step before counts only while it has time left.
    const step = Math.max(seconds % 30 < 15 ? now - 1 : now, (used.get(person.totp_secret) ?? 0) + 1);
    if (step <= now + 1) {
      used.set(person.totp_secret, step);
      return totp(person.totp_secret, step);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** One person's API session. Trusts the demo's own authority and nothing else. */
export class Client {
  static async login(demo, person) {
    const client = new Client(demo);
    const { status, body } = await client.post("/api/v1/login", { email: person.email, password: person.password, code: await code(person) });
    if (status !== 200) throw new Error(`log-in of ${person.email}: ${status} ${JSON.stringify(body)}`);
    client.csrf = body.csrf_token;
    return client;
  }

  constructor(demo) {
    this.demo = demo;
  }

  get(path) {
    return this.ask("GET", path);
  }

  post(path, body = {}) {
    return this.ask("POST", path, { "Content-Type": "application/json" }, JSON.stringify(body));
  }

  offer(path, sdp) {
    return this.ask("POST", path, { "Content-Type": "application/sdp" }, sdp);
  }

  ask(method, path, headers = {}, body = undefined) {
    const url = new URL(path, this.demo.url);
    const all = { Origin: this.demo.url, ...headers };
    if (this.cookie) all.Cookie = this.cookie;
    if (this.csrf && method !== "GET") all["X-CSRF-Token"] = this.csrf;
    if (body !== undefined) all["Content-Length"] = Buffer.byteLength(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, headers: all, ca: this.demo.ca, timeout: 30_000 }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part) => { text += part; });
        response.on("end", () => {
          const set = response.headers["set-cookie"]?.map((line) => line.split(";")[0]).filter((line) => line.startsWith("__Host-session="));
          if (set?.length) this.cookie = set[0];
          const json = /json/.test(response.headers["content-type"] ?? "");
          resolve({ status: response.statusCode, headers: response.headers, body: json ? JSON.parse(text) : text });
        });
        response.on("error", reject);
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer in 30 s`)));
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }
}

/** Files a ticket as the operator; resolves to its id. */
export async function fileTicket(demo, operator, minutes = 120) {
  const { status, body } = await operator.post("/api/v1/tickets", {
    site: demo.site, reasons: ["degradations"], duration_minutes: minutes, email: demo.person("operator").email,
  });
  if (status !== 201) throw new Error(`request: ${status} ${JSON.stringify(body)}`);
  return body.id;
}
