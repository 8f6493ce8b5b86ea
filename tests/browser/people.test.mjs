// Somebody new, from the invitation to the log-in by passkey: a real Chromium with virtual authenticators (CDP), the real
// demo, its mails on their page. A3-3, MFA for every person, fault 25.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startDemo } from "./support/demo.mjs";
import { launch } from "./support/browser.mjs";
import { assertFits, assertQuiet, enter, textOf, visit } from "./support/story.mjs";

const LOU = { name: "Lou Martin", email: "lou@demo.ecluse.test", password: "une phrase de Lou, assez longue" };

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo({ cameras: 1, dark: true }), launch()]);
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

/** An authenticator for the page's window: always there, always touched, its owner verified. */
async function authenticator(client, transport) {
  const options = { protocol: "ctap2", transport, hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  return (await client.send("WebAuthn.addVirtualAuthenticator", { options })).authenticatorId;
}

async function password({ page }) {
  await page.goto(`${demo.url}/login`);
  await page.fill("input[name=email]", LOU.email);
  await page.fill("input[name=password]", LOU.password);
  // The demo's form has the code as well; people who have none leave it empty.
  await page.click("#login-form [type=submit]");
  await page.waitForURL(`${demo.url}/login/second-factor`);
}

const logOut = async ({ page }) => {
  await page.click("form[action='/logout'] button");
  await page.waitForURL(`${demo.url}/login`);
};

test("invited by mail, a password of one's own, a passkey as second factor", async (t) => {
  const administrator = await enter(browser, demo, "administrator", "/admin/people");
  const lou = await visit(browser, demo);
  t.after(() => Promise.all([administrator.context.close(), lou.context.close()]));
  const { page } = lou;
  const client = await lou.context.newCDPSession(page);
  await client.send("WebAuthn.enable");
  const first = await authenticator(client, "internal");

  await t.test("the administrator adds a person, who gets a link", async () => {
    const form = administrator.page;
    await form.click("a[href='/admin/people/new']");
    await form.fill("input[name=name]", LOU.name);
    await form.fill("input[name=email]", LOU.email);
    await form.selectOption("select[name=role]", "auditor");
    await form.click("#person-form [type=submit]");
    await form.waitForSelector(".notice");
    assert.match(await textOf(form, `tr:has-text("${LOU.name}")`), /Invitation valable jusqu’au/);
    await page.goto(`${demo.url}/demo/mails?to=${encodeURIComponent(LOU.email)}`);
    await page.waitForSelector('.mail a[href*="/invitation/"]');
    const link = /\/invitation\/[\w-]{43}/.exec(await page.content())?.[0];
    assert.ok(link, "the mail has the link");
    await page.goto(demo.url + link);
    await page.fill("input[name=password]", LOU.password);
    await page.fill("input[name=again]", LOU.password);
    await page.click("#invitation-form [type=submit]");
    await page.waitForURL(`${demo.url}/login/second-factor`);
  });

  await t.test("a passkey is enrolled in the place of an application, with recovery codes", async () => {
    await page.click("#passkey-form [type=submit]");
    await page.waitForSelector(".recovery-codes");
    assert.equal(await page.locator(".recovery-codes li").count(), 10);
    await page.click("a.button.primary");
    assert.equal(await textOf(page, ".persona-name"), LOU.name);
    await logOut(lou);
  });

  await t.test("it logs in; without its owner it does not", async () => {
    await password(lou);
    await client.send("WebAuthn.setUserVerified", { authenticatorId: first, isUserVerified: false });
    await page.click("#passkey-form [type=submit]");
    await page.waitForSelector("[data-passkey-trouble]:not([hidden])");
    await client.send("WebAuthn.setUserVerified", { authenticatorId: first, isUserVerified: true });
    await page.click("#passkey-form [type=submit]");
    await page.waitForSelector(".persona");
    assert.equal(await textOf(page, ".persona-name"), LOU.name);
  });

  await t.test("another one is added with the password, named, listed, and one removed; never the last", async () => {
    await page.click("a.persona");
    await page.waitForSelector("#passkeys");
    assert.equal(await page.locator("#passkeys details").count(), 0, "the only one stays");
    const { credentials: [known] } = await client.send("WebAuthn.getCredentials", { authenticatorId: first });
    await client.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: first });
    const second = await authenticator(client, "usb");
    const add = async (password) => {
      await page.fill("#passkey-form input[name=name]", "Clé bleue");
      await page.fill("#passkey-form input[name=password]", password);
      await page.click("#passkey-form [type=submit]");
    };
    await add("not the password");
    await page.waitForSelector(".trouble:has-text('Mot de passe incorrect')");
    await client.send("WebAuthn.clearCredentials", { authenticatorId: second });
    await add(LOU.password);
    await page.waitForSelector("#passkeys li:nth-child(2)");
    assert.match(await textOf(page, "#passkeys li:nth-child(2)"), /Clé bleue/);
    await assertFits(page);

    // An authenticator that was copied: its counter does not grow.
    const copy = await authenticator(client, "internal");
    await client.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: second });
    await client.send("WebAuthn.addCredential", { authenticatorId: copy, credential: { ...known, signCount: 0 } });
    await logOut(lou);
    await password(lou);
    await page.click("#passkey-form [type=submit]");
    // The server's own no, not the browser's.
    await page.waitForSelector("div.trouble");
    assert.equal(await page.locator(".persona").count(), 0, "not logged in");
    await client.send("WebAuthn.removeCredential", { authenticatorId: copy, credentialId: known.credentialId });
    await client.send("WebAuthn.addCredential", { authenticatorId: copy, credential: { ...known, signCount: 1_000 } });
    await page.click("#passkey-form [type=submit]");
    await page.waitForSelector(".persona");

    await page.goto(`${demo.url}/me/second-factor`);
    const row = page.locator("#passkeys li", { hasText: "Clé bleue" });
    await row.locator("summary").click();
    await row.locator("input[name=password]").fill(LOU.password);
    await row.locator("button").click();
    await page.waitForSelector(".notice");
    assert.equal(await page.locator("#passkeys li").count(), 1);
  });

  await t.test("a reset voids it: nothing is asked of the authenticator any more", async () => {
    const form = administrator.page;
    await form.goto(`${demo.url}/admin/people`);
    await form.locator(`tr:has-text("${LOU.name}") [data-opens=reset-dialog]`).click();
    await form.fill("#reset-dialog textarea", "clé perdue");
    await form.click("#reset-dialog [type=submit]");
    await form.waitForSelector(".notice");
    await page.goto(`${demo.url}/me/second-factor`);
    await page.waitForURL(/\/login/);
    await password(lou);
    assert.equal(await page.locator("form[data-passkey-get]").count(), 0);
    assert.equal(await page.locator("form[data-passkey-create]").count(), 1, "a new one may be enrolled");
  });

  // 401: the copied authenticator, the wrong password.
  await assertQuiet(lou, /status of 401/);
  await assertQuiet(administrator);
});

test("where the browser has no WebAuthn, nothing is shown that cannot work", async (t) => {
  const visitor = await visit(browser, demo);
  t.after(() => visitor.context.close());
  await visitor.context.addInitScript(() => { delete window.PublicKeyCredential; });
  await password(visitor);
  assert.equal(await visitor.page.locator("#passkey-form button").isVisible(), false);
  assert.equal(await visitor.page.locator("#second-factor-form button").isVisible(), true);
  await assertQuiet(visitor);
});
