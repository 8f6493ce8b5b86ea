// The other ways the story goes, through the pages: ended by the operator, refused, interrupted; in English; by the
// keyboard alone (A3-4, A4-3, A4-4; WCAG 2.1.1).

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { code, startDemo, until } from "./support/demo.mjs";
import { launch } from "./support/browser.mjs";
import { assertFlows, assertSilence, sentUnder } from "./support/asserts.mjs";
import { ASKED_TOO_LATE, PHONE, approveAndWatch, ask, asked, assertFits, assertQuiet, clearAway, enter, live, tabTo, textOf, visit } from "./support/story.mjs";

let demo, browser, operator, decider;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), launch()]);
  [operator, decider] = [await enter(browser, demo, "operator"), await enter(browser, demo, "decider")];
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

// One request at a time for a site: what a failed test has left is cleared away, so that the next one can be judged.
afterEach(() => clearAway(demo));

const openWall = (ticket) => approveAndWatch(decider, operator, ticket);

/** Opens a dialog that asks why, and answers. */
async function giveReason(page, opens, why) {
  await page.click(opens);
  const dialog = page.locator("dialog[open]");
  await dialog.locator("textarea").fill(why);
  await dialog.locator("[type=submit]").click();
}

test("a4_4 fin d'intervention: asked back, then cut", async () => {
  const ticket = await ask(operator);
  await openWall(ticket);
  const { page } = operator;
  await assertFlows(page);
  await page.click("#end-button");
  const dialog = page.locator("#end-dialog[open]");
  assert.match(await dialog.innerText(), /coupées aussitôt, pour tous les postes/);
  await dialog.locator("[data-closes]").click();
  assert.equal(await dialog.count(), 0);
  await assertFlows(page);
  await page.click("#end-button");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0, "Escape says no");
  await page.click("#end-button");
  await page.click("#end-confirm");
  await page.waitForURL(`${demo.url}/tickets/${ticket}`);
  assert.match(await textOf(page, ".notice"), /Fin d’intervention enregistrée/);
  assert.equal(await page.getAttribute("#live-ticket", "data-state"), "ended");
  assert.match(await textOf(page, ".facts"), /Images transmises pendant\s+\d+ s\s+coupé en [\d,]+ ms/);
  await page.goto(`${demo.url}/tickets/${ticket}/watch`);
  assert.equal(await page.locator("[data-ended=ended]").count(), 1, "the wall's address says how it ended");
  assert.equal(await page.locator("video").count(), 0);
});

test("a4_3 refusal: a reason is needed, and the operator reads it", async () => {
  const ticket = await ask(operator);
  const { page } = decider;
  await page.goto(`${demo.url}/tickets/${ticket}`);
  await page.click("#refuse-button");
  await page.locator("#refuse-dialog [type=submit]").click();
  assert.equal(await page.locator("#refuse-dialog[open]").count(), 1, "not without a reason");
  await page.locator("#refuse-dialog textarea").fill("travaux dans la cour");
  await page.locator("#refuse-dialog [type=submit]").click();
  await page.waitForSelector("#live-ticket[data-state=refused]");
  assert.equal(await page.locator(".preview:visible").count(), 0, "nothing to look at any more");
  await operator.page.waitForSelector("#live-ticket[data-state=refused]");
  assert.match(await textOf(operator.page, "#live-ticket"), /Dominique Lefèvre .* a refusé la demande[^]*« travaux dans la cour »/);
  assert.equal(await operator.page.locator("#watch-link").count(), 0);
});

test("a6_6 two taps from the mail to the decision, on a telephone", async (t) => {
  // Logged in, as a decider who keeps the page at hand: the log-in is no part of the way.
  const phone = await enter(browser, demo, "decider", "/", PHONE);
  t.after(() => phone.context.close());
  let taps = 0;
  await phone.context.exposeBinding("countTap", () => { taps += 1; });
  await phone.context.addInitScript(() => {
    addEventListener("click", (event) => event.isTrusted && window.countTap(), true);
  });
  const ticket = await ask(operator);
  const { page } = phone;
  await page.goto(`${demo.mails}?to=${encodeURIComponent(demo.person("decider").email)}`);
  // Mails follow their event; the page that shows them draws itself anew.
  await page.waitForSelector(`.mail a.button[href$="/tickets/${ticket}"]`);
  const link = page.locator(".mail a.button").first();
  assert.ok((await link.getAttribute("href")).endsWith(`/tickets/${ticket}`), "the newest mail is about this request");
  await link.tap();
  await page.waitForURL(`${demo.url}/tickets/${ticket}`);
  // Asked in the page: the button may be drawn anew at any moment.
  const box = await page.locator("#approve-button").evaluate((button) => button.getBoundingClientRect().toJSON());
  assert.ok(box.height >= 44 && box.bottom <= PHONE.viewport.height, `without scrolling: ${JSON.stringify(box)}`);
  await page.locator("#approve-button").tap();
  await page.waitForSelector("#live-ticket[data-state=open]");
  assert.equal(taps, 2, "the mail's link, and the decision");
});

test("a4_4 the landlord interrupts: the wall says who and why, no packet follows", async () => {
  const ticket = await ask(operator);
  await openWall(ticket);
  await assertFlows(operator.page);
  await operator.page.evaluate(() => { window.holdPeers = true; });
  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await giveReason(decider.page, "#interrupt-button", "intervention terminée sur place");
  await decider.page.waitForSelector("#live-ticket[data-state=interrupted]");
  assert.match(await textOf(decider.page, ".notice"), /dernière image envoyée [\d,]+ ms après la décision/);
  await operator.page.waitForSelector("[data-ended=interrupted]");
  const end = await textOf(operator.page, "#watch");
  assert.match(end, /Interrompu par le bailleur[^]*Dominique Lefèvre[^]*« intervention terminée sur place »/);
  assert.match(await operator.page.evaluate(() => document.activeElement.textContent), /Interrompu par le bailleur/, "the focus is on the news");
  await assertSilence(operator.page, await sentUnder(asked(decider.page), ticket));
});

test("no page has complained so far", async () => {
  await assertQuiet(operator, ASKED_TOO_LATE);
  await assertQuiet(decider, ASKED_TOO_LATE);
});

test("English: one press, kept, on the same page; nothing French is left", async (t) => {
  const visitor = await enter(browser, demo, "operator", "/tickets");
  t.after(() => visitor.context.close());
  const { page } = visitor;
  await page.click("button[name=language][value=en]");
  await page.waitForSelector("html[lang=en]");
  assert.equal(page.url(), `${demo.url}/tickets`, "the switch comes back to its page");
  assert.match(await textOf(page, "#ask-heading"), /New access request/);
  await page.click("#ask-form [type=submit]");
  assert.equal(await page.locator("#ask-email:invalid").count(), 1, "the browser asks for the address first");
  await page.fill("#ask-email", "somebody@elsewhere.test");
  await page.click("#ask-form [type=submit]");
  assert.match(await textOf(page, "#fault-reasons"), /Tick at least one/);
  assert.match(await textOf(page, "#fault-email"), /your account/);
  const ticket = await ask(visitor);
  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await decider.page.click("#approve-button");
  await page.waitForSelector("#live-ticket[data-state=open]");
  assert.match(await textOf(page, ".state"), /Transfer open/);
  await page.click("#watch-link");
  await live(page);
  assert.equal(await textOf(page, "[data-player-state]"), "Live");
  await page.waitForSelector("[data-cipher][data-verdict=strong]");
  // C-4: never "end to end".
  assert.match(await textOf(page, "[data-cipher]"), /hop by hop, AES-256/);
  await until("the picture has its age", 20, async () => /^\d+\.\d s$/.test(await textOf(page, "[data-age]")));
  await page.click("#end-button");
  await page.click("#end-confirm");
  await page.waitForSelector("#live-ticket[data-state=ended]");
  assert.match(await textOf(page, ".notice"), /End of intervention recorded/);
  await assertQuiet(visitor, new RegExp(`status of 422|${ASKED_TOO_LATE.source}`));
});

test("the keyboard alone: log in, ask, withdraw", async (t) => {
  const visitor = await visit(browser, demo);
  t.after(() => visitor.context.close());
  const { page } = visitor;
  const [agent, keys] = [demo.person("operator"), page.keyboard];
  await page.goto(demo.url);
  assert.equal(await page.evaluate(() => document.activeElement.name), "email", "the first field has the focus");
  await keys.type(agent.email);
  await keys.press("Tab");
  await keys.type(agent.password);
  await keys.press("Tab");
  await keys.type(await code(agent));
  await keys.press("Enter");
  await page.waitForURL(`${demo.url}/`);
  await keys.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.matches(".skip") && document.activeElement.getBoundingClientRect().top >= 0), true, "the first stop leads past the navigation, and is seen");
  await tabTo(page, ".nav a[href='/tickets']");
  await keys.press("Enter");
  await page.waitForURL(`${demo.url}/tickets`);
  await tabTo(page, "input[name=site]");
  await keys.press("Space");
  await tabTo(page, "input[value=attroupements]");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement.closest(".check")).outlineWidth);
  assert.equal(ring, "3px", "where the focus is can be seen");
  await keys.press("Space");
  await tabTo(page, "#duration_minutes");
  await keys.press("ArrowDown");
  await tabTo(page, "#ask-email");
  await keys.type(agent.email);
  await keys.press("Enter");
  await page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/);
  assert.match(await textOf(page, ".facts"), /Attroupements[^]*2 h 30/);
  await tabTo(page, "[data-opens=withdraw-dialog]");
  await keys.press("Enter");
  await page.waitForSelector("#withdraw-dialog[open]");
  await keys.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.matches("[data-opens=withdraw-dialog]")), true, "the focus comes back");
  await keys.press("Enter");
  await tabTo(page, "#withdraw-dialog [type=submit]");
  await keys.press("Enter");
  await page.waitForSelector("#live-ticket[data-state=withdrawn]");
  await assertFits(page);
  await assertQuiet(visitor);
});
