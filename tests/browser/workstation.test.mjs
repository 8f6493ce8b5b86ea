// A6-1 in a real browser: the operator gets in with the workstation's certificate and not without; its revocation shuts
// the page out at once (fault 9). The certificate is the demo's PKCS#12 file, as a browser imports it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { code, startDemo, until } from "./support/demo.mjs";
import { complaints, launch, openWindow } from "./support/browser.mjs";

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo({ cameras: 1, dark: true, more: ["--require-workstation"] }), launch()]);
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

/** Logs in through both pages, as people do; resolves to the page. */
async function logIn(context, person) {
  const page = await context.newPage();
  await page.goto(`${demo.url}/login`);
  await page.fill("[name=email]", person.email);
  await page.fill("[name=password]", person.password);
  await page.click("#login-form [type=submit]");
  await page.waitForURL("**/login/second-factor");
  await page.fill("#second-factor-form [name=code]", await code(person));
  await Promise.all([page.waitForNavigation(), page.click("#second-factor-form [type=submit]")]);
  return page;
}

test("A6-1: without the workstation's certificate the operator stays outside, the decider does not", async () => {
  const context = await openWindow(browser);
  const outside = await logIn(context, demo.person("operator"));
  assert.match(await outside.innerText("[role=alert]"), /poste dédié de votre service/);
  assert.equal((await context.cookies()).some(({ name }) => name === "__Host-session"), false);
  const inside = await logIn(await openWindow(browser), demo.person("decider"));
  assert.equal(new URL(inside.url()).pathname, "/");
  await context.close();
});

test("A6-1, fault 9: with it the operator is in, until it is revoked", async () => {
  const { p12, passphrase } = demo.workstation;
  const clientCertificates = [{ origin: demo.url, pfx: readFileSync(p12), passphrase }];
  const context = await openWindow(browser, { clientCertificates });
  const page = await logIn(context, demo.person("operator"));
  const found = complaints(page);
  assert.equal(new URL(page.url()).pathname, "/");
  await page.goto(`${demo.url}/tickets`);
  assert.equal(await page.locator("h1").count(), 1);
  assert.deepEqual(found, []);

  const ecluse = process.env.ECLUSE_BIN ?? new URL("../../target/debug/ecluse", import.meta.url).pathname;
  const told = execFileSync(ecluse,
    ["workstation", "revoke", "poste-1", "--why", "volé", "--config", join(demo.directory, "ecluse.toml")], { encoding: "utf8" });
  assert.match(told, /poste-1 revoked/);
  const refused = await page.goto(`${demo.url}/tickets`);
  assert.equal(refused.status(), 403);
  assert.match(await page.innerText("main"), /poste dédié de votre service/);

  // Issued again, over the running server's console.
  const out = join(demo.directory, "again.p12");
  const issued = execFileSync(ecluse,
    ["workstation", "issue", "--name", "poste-1", "--service", "csu-charenton", "--out", out, "--config", join(demo.directory, "ecluse.toml")],
    { encoding: "utf8", env: { ...process.env, ECLUSE_P12_PASSPHRASE: "une phrase assez longue" } });
  assert.match(issued, /poste-1 issued for csu-charenton/);
  assert.doesNotMatch(issued, /passphrase/);
  const again = await openWindow(browser, {
    clientCertificates: [{ origin: demo.url, pfx: readFileSync(out), passphrase: "une phrase assez longue" }],
  });
  const back = await until("the new certificate opens", 60, () => logIn(again, demo.person("operator")));
  assert.equal(new URL(back.url()).pathname, "/");
  await again.close();
  await context.close();
});
