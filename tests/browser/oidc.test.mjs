// Log-in by the landlord's identity provider, in a real Chromium, against a real provider (npm oidc-provider) and the real
// `ecluse serve`: who gets in, who does not, and what happens when the provider is down or somebody tampers.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binary, totp, until } from "./support/demo.mjs";
import { complaints, launch, openWindow } from "./support/browser.mjs";
import { startProvider } from "./support/provider.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PASSWORD = "correct horse battery staple";
const SECRET = "un secret de client assez long pour ce test";
let browser, directory, server, log, url, port, provider;

/** A port that is free now. */
async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "ecluse-oidc-"));
  const at = (name) => join(directory, name);
  mkdirSync(at("data"), { mode: 0o700 });
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost", "-keyout", at("server.key"), "-out", at("server.pem")], { stdio: "ignore" });
  writeFileSync(at("oidc.secret"), `${SECRET}\n`, { mode: 0o600 });
  writeFileSync(at("hall.password"), "korrekt-pferd-batterie\n", { mode: 0o600 });
  port = await freePort();
  url = `https://localhost:${await freePort()}`;
  writeFileSync(at("ecluse.toml"), `
[server]
data_dir = "data"
[https]
listen = "127.0.0.1:${new URL(url).port}"
certificate = "server.pem"
key = "server.key"
public_url = "${url}"
[rtsp]
listen = "127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
[oidc]
name = "Immobilière <3F>"
issuer = "http://127.0.0.1:${port}"
client_id = "ecluse"
client_secret_file = "oidc.secret"
roles = ["decider", "administrator"]
second_factor_amr = ["mfa"]
[[service]]
id = "csu"
name = "CSU"
town = "Charenton-le-Pont"
address = "48 rue de Paris"
[[site]]
id = "arcade"
name = "1 rue de l'Arcade"
addresses = ["1 rue de l'Arcade"]
service = "csu"
[site.convention]
town = "Charenton-le-Pont"
valid_from = "2021-02-24"
valid_until = "2099-12-31"
[[site.camera]]
id = "hall"
name = "Hall"
user = "hall"
password_file = "hall.password"
`);
  const config = ["--config", at("ecluse.toml")];
  for (const [role, ...more] of [["decider", "--site", "arcade"], ["operator", "--site", "arcade", "--service", "csu"], ["guard", "--site", "arcade"]]) {
    execFileSync(binary(), ["people", "add", ...config, "--role", role, ...more, "--id", role, "--name", `Prénom ${role}`,
      "--email", `${role}@example.org`, "--password-stdin"], { input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] });
  }
  server = spawn(binary(), ["serve", ...config], { stdio: ["ignore", "pipe", "pipe"] });
  log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => { log += data; });
  browser = await launch();
  const window = await openWindow(browser);
  await until("the server answers", 60, async () => (await window.request.get(`${url}/readyz`)).ok());
  await window.close();
});

after(async () => {
  await browser?.close();
  await provider?.stop();
  if (server) {
    server.kill("SIGTERM");
    const [code] = await once(server, "exit");
    assert.equal(code, 0, log);
    assert.ok(!log.includes(SECRET), "the client's secret is in no log");
  }
  rmSync(directory, { recursive: true, force: true });
});

/** The log-in page, and its button pressed. */
async function leave(window) {
  const page = await window.newPage();
  await page.goto(`${url}/login?next=%2Fsites`);
  assert.equal(await page.innerText("#login-provider"), "Continuer avec Immobilière <3F>");
  await page.click("#login-provider");
  return page;
}

/** At the provider: this account, with these ways of proof. */
async function logInThere(page, account, amr = "") {
  await page.fill("[name=account]", account);
  await page.fill("[name=amr]", amr);
  await page.click("button");
}

const isLoggedIn = async (window) => (await window.cookies(url)).some(({ name, value }) => name === "__Host-session" && value !== "");

/** Back on the log-in page with this message, not logged in, and the password still offered. */
async function refused(window, page, message) {
  assert.match(await page.innerText("[role=alert]"), message);
  assert.equal(await page.locator("[name=password]").count(), 1);
  assert.equal(await isLoggedIn(window), false);
}

test("a provider that is down is said to be; the password is still there", async () => {
  const window = await openWindow(browser);
  const page = await leave(window);
  await refused(window, page, /service d’identité ne répond pas/);
  await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], colorScheme);
  }
  await page.fill("[name=email]", "decider@example.org");
  await page.fill("[name=password]", PASSWORD);
  await page.click("#login-form [type=submit]");
  await page.waitForURL("**/login/second-factor");
  await window.close();
});

test("somebody designated gets in: with the provider's second factor at once, else with ours", async () => {
  provider = await startProvider({ port, redirect: `${url}/login/oidc/callback`, secret: SECRET });
  const strong = await openWindow(browser);
  const page = await leave(strong);
  await logInThere(page, "decider", "pwd mfa");
  await page.waitForURL(`${url}/sites`);
  const found = complaints(page);
  await page.reload();
  assert.equal(await isLoggedIn(strong), true);
  assert.deepEqual(found, []);
  assert.equal((await strong.request.get(`${url}/api/v1/me`)).status(), 200);
  assert.equal((await strong.request.get(`${url}/login/oidc`, { maxRedirects: 0 })).headers().location, "/");
  // And out again, like anybody.
  await Promise.all([page.waitForURL("**/login"), page.click("form[action='/logout'] button")]);
  assert.equal((await strong.request.get(`${url}/api/v1/me`)).status(), 401);
  await strong.close();

  for (const account of ["decider", "shouting"]) {
    const weak = await openWindow(browser);
    const page = await leave(weak);
    await logInThere(page, account, "pwd");
    await page.waitForURL("**/login/second-factor");
    assert.equal(await isLoggedIn(weak), false, "not before the second factor");
    if (account === "shouting") {
      await weak.close();
      continue;
    }
    // The first time it is enrolled.
    const secret = await page.getAttribute("[data-secret]", "data-secret");
    await page.fill("#second-factor-form [name=code]", totp(secret, Math.floor(Date.now() / 30_000)));
    await page.click("#second-factor-form [type=submit]");
    await page.waitForSelector(".recovery-codes");
    assert.equal(await isLoggedIn(weak), true);
    await weak.close();
  }
});

test("whoever is unknown, unverified, of the police or of a role that is not let in this way stays outside", async () => {
  for (const account of ["unknown", "unverified", "operator", "guard"]) {
    const window = await openWindow(browser);
    const page = await leave(window);
    await logInThere(page, account, "mfa");
    await page.waitForURL("**/login/oidc/callback*");
    await refused(window, page, /n’ouvre pas Écluse de cette façon/);
    await window.close();
  }
  const window = await openWindow(browser);
  const page = await leave(window);
  await logInThere(page, "");
  await page.waitForURL("**/login/oidc/callback*");
  await refused(window, page, /n’a pas abouti/);
  await window.close();
});

test("another state, nonce or challenge than the one that was sent is refused, and so are a second use and another browser", async () => {
  for (const name of ["state", "nonce", "code_challenge"]) {
    const window = await openWindow(browser);
    const sent = await window.request.get(`${url}/login/oidc`, { maxRedirects: 0 });
    assert.equal(sent.status(), 303);
    const forged = new URL(sent.headers().location);
    assert.equal(forged.searchParams.get("code_challenge_method"), "S256");
    assert.ok(forged.searchParams.get(name)?.length >= 16, `${name} is there to be checked`);
    forged.searchParams.set(name, "A".repeat(43));
    const page = await window.newPage();
    await page.goto(forged.href);
    await logInThere(page, "decider", "mfa");
    await page.waitForURL("**/login/oidc/callback*");
    await refused(window, page, /n’a pas abouti/);
    await window.close();
  }
  // What comes back once is good once, and for the browser that left alone.
  const window = await openWindow(browser);
  const page = await leave(window);
  let back;
  page.on("request", (request) => { if (request.url().includes("/callback?")) back = request.url(); });
  await logInThere(page, "decider", "mfa");
  await page.waitForURL(`${url}/sites`);
  assert.match(back ?? "", /[?&]code=/);
  const other = await openWindow(browser);
  const elsewhere = await other.newPage();
  await elsewhere.goto(back);
  await refused(other, elsewhere, /n’a pas abouti/);
  await Promise.all([page.waitForURL("**/login"), page.click("form[action='/logout'] button")]);
  await page.goto(back);
  await refused(window, page, /n’a pas abouti/);
  await other.close();
  await window.close();
});

test("a provider that goes down on the way is said to be down", async () => {
  const window = await openWindow(browser);
  const sent = await window.request.get(`${url}/login/oidc`, { maxRedirects: 0 });
  const state = new URL(sent.headers().location).searchParams.get("state");
  await provider.stop();
  provider = undefined;
  const page = await window.newPage();
  await page.goto(`${url}/login/oidc/callback?code=abc&state=${state}`);
  await refused(window, page, /service d’identité ne répond pas/);
  await window.close();
  const connections = join(directory, "data/connections");
  const noted = () => readdirSync(connections).map((name) => readFileSync(join(connections, name), "utf8")).join("");
  await until("it stands in the connection log", 20, () => /identity provider: it does not answer/.test(noted()));
});
