// The other ways the story goes, through the pages: ended by the operator, refused, interrupted, a frozen picture, a lost
// network, English, the keyboard alone (A3-4, A4-3, A4-4, faults 16 and 20; WCAG 2.1.1).

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { startDemo, until } from "./support/demo.mjs";
import { launch } from "./support/browser.mjs";
import { assertFlows, assertPictures, assertSilence } from "./support/asserts.mjs";
import { ask, assertFits, assertQuiet, enter, live, pusher, tabTo, textOf, visit } from "./support/story.mjs";

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
afterEach(async () => {
  const client = await demo.login("operator");
  const { body } = await client.get("/api/v1/tickets");
  for (const { id, status } of body.tickets) {
    if (status === "requested") await client.post(`/api/v1/tickets/${id}/withdraw`);
    if (status === "open") await client.post(`/api/v1/tickets/${id}/end`);
  }
});

/** The decider opens the ticket's page and approves; the operator opens the wall. */
async function openWall(ticket) {
  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await decider.page.click("#approve-button");
  await decider.page.waitForSelector("#live-ticket[data-state=open]");
  await operator.page.goto(`${demo.url}/tickets/${ticket}/watch`);
  await live(operator.page);
}

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

test("a4_4 the landlord interrupts: the wall says who and why, no packet follows", async () => {
  const ticket = await ask(operator);
  await openWall(ticket);
  await assertFlows(operator.page);
  await operator.page.evaluate(() => { window.holdPeers = true; });
  await giveReason(decider.page, "#interrupt-button", "intervention terminée sur place");
  await decider.page.waitForSelector("#live-ticket[data-state=interrupted]");
  const cutAt = Date.now();
  assert.match(await textOf(decider.page, ".notice"), /dernière image envoyée [\d,]+ ms après la décision/);
  await operator.page.waitForSelector("[data-ended=interrupted]");
  const end = await textOf(operator.page, "#watch");
  assert.match(end, /Interrompu par le bailleur[^]*Dominique Lefèvre[^]*« intervention terminée sur place »/);
  assert.match(await operator.page.evaluate(() => document.activeElement.textContent), /Interrompu par le bailleur/, "the focus is on the news");
  await assertSilence(operator.page, cutAt);
});

test("fault 16: a camera that stands still is greyed within seconds, with its age; and comes back", async (t) => {
  const ticket = await ask(operator);
  await openWall(ticket);
  const { page } = operator;
  await assertPictures(page, 4);
  const camera = demo.cameras[1].id;
  const tile = page.locator(`.tile[data-camera="${camera}"]`);
  const child = pusher(demo, camera);
  process.kill(child, "SIGSTOP");
  t.after(() => { try { process.kill(child, "SIGCONT"); } catch { /* it has been replaced */ } });
  const stoppedAt = Date.now();
  await until("the picture is called frozen", 10, () => tile.evaluate((element) => element.classList.contains("old")));
  assert.ok(Date.now() - stoppedAt > 1500, "not before it is 2 s old");
  assert.match(await tile.locator("video").evaluate((video) => getComputedStyle(video).filter), /grayscale\(1\)/);
  assert.match((await tile.locator("[data-age]").innerText()).replace(/\s/g, " "), /^Image figée · \d+,\d s$/);
  assert.match((await tile.locator(".tile-cover").innerText()).replace(/\s/g, " "), /^Image figée, \d+,\d s$/);
  assert.equal(await page.locator(".tile.old").count(), 1, "the others go on");
  process.kill(child, "SIGCONT");
  await until("the picture is live again", 20, () => tile.evaluate((element) => !element.classList.contains("old") && !element.classList.contains("empty-picture")));
  assert.equal(await tile.locator(".tile-cover").isVisible(), false);

  await t.test("fault 20: the network is lost: the page says so, keeps trying, and comes back by itself", async (t) => {
    // Neither an answer nor a packet gets through: the server stands still, the browser is off line.
    t.after(() => process.kill(demo.pid, "SIGCONT"));
    process.kill(demo.pid, "SIGSTOP");
    await operator.context.setOffline(true);
    await page.waitForSelector("[data-player-state][data-state=reconnecting]", { timeout: 20_000 });
    assert.match(await textOf(page, "[data-player-state]"), /Réseau perdu, reprise en cours/);
    await page.waitForSelector("#overlay[data-what=lost]:not([hidden])");
    await page.waitForSelector("#live-state[data-state=off]");
    process.kill(demo.pid, "SIGCONT");
    await operator.context.setOffline(false);
    await live(page, 40);
    await page.waitForSelector("#overlay", { state: "hidden" });
    await page.waitForSelector("#live-state[data-state=on]", { timeout: 30_000 });
    const tiles = page.locator(".tile");
    await until("four pictures are fresh", 30, async () => await tiles.evaluateAll((all) => all.filter((tile) => !tile.matches(".old, .empty-picture")).length) === 4);
    await assertFlows(page);
  });

  await page.click("#end-button");
  await page.click("#end-confirm");
  await page.waitForSelector("#live-ticket[data-state=ended]");
});

test("no page has complained so far", async () => {
  // What was provoked: requests of an off-line browser.
  await assertQuiet(operator, /ERR_INTERNET_DISCONNECTED/);
  await assertQuiet(decider);
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
  assert.match(await textOf(page, "[data-cipher]"), /hop by hop, AES-256/);
  assert.match((await textOf(page, "[data-age]")), /^\d+\.\d s$/);
  await page.click("#end-button");
  await page.click("#end-confirm");
  await page.waitForSelector("#live-ticket[data-state=ended]");
  assert.match(await textOf(page, ".notice"), /End of intervention recorded/);
  await assertQuiet(visitor, /status of 422/);
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
