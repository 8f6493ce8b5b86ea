// Troubles while somebody watches, as the wall shows them: a picture that stands still, a network that is gone (faults 16
// and 20).

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { startDemo, until } from "./support/demo.mjs";
import { launch } from "./support/browser.mjs";
import { assertFlows, assertPictures } from "./support/asserts.mjs";
import { ASKED_TOO_LATE, approveAndWatch, ask, assertQuiet, clearAway, enter, live, pusher, textOf } from "./support/story.mjs";

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

afterEach(() => clearAway(demo));

test("fault 16: a camera that stands still is greyed within seconds, with its age; and comes back", async (t) => {
  const { page } = operator;
  await approveAndWatch(decider, operator, await ask(operator));
  await assertPictures(page, 4);
  const camera = demo.cameras[1].id;
  const tile = page.locator(`.tile[data-camera="${camera}"]`);
  const child = pusher(demo, camera);
  const old = page.locator(".tile.old");
  await until("every picture is live", 30, async () => (await old.count()) === 0);
  process.kill(child, "SIGSTOP");
  t.after(() => { try { process.kill(child, "SIGCONT"); } catch { /* it has been replaced */ } });
  const stoppedAt = Date.now();
  await until("the picture is called frozen", 10, () => tile.evaluate((element) => element.classList.contains("old")));
  assert.ok(Date.now() - stoppedAt > 1500, "not before it is 2 s old");
  assert.match(await tile.locator("video").evaluate((video) => getComputedStyle(video).filter), /grayscale\(1\)/);
  assert.match((await tile.locator("[data-age]").innerText()).replace(/\s/g, " "), /^Image figée · \d+,\d s$/);
  assert.match((await tile.locator(".tile-cover").innerText()).replace(/\s/g, " "), /^Image figée, \d+,\d s$/);
  await until("the others go on", 10, async () => (await old.count()) === 1 && await tile.evaluate((element) => element.classList.contains("old")));
  process.kill(child, "SIGCONT");
  await until("the picture is live again", 60, () => tile.evaluate((element) =>
    !element.matches(".old, .empty-picture") && element.querySelector(".tile-cover").hidden));
});

test("fault 20: the network is lost: the page says so, keeps trying, and comes back by itself", async (t) => {
  const { page } = operator;
  await approveAndWatch(decider, operator, await ask(operator));
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

test("a pulled cable: no connection ends, but the page says that it hears nothing, and comes back by itself", async (t) => {
  const page = await decider.context.newPage();
  t.after(() => page.close());
  // The page's own clock is put forward: half a minute of silence need not be waited for.
  await page.clock.install();
  await page.goto(`${demo.url}/tickets`);
  await page.waitForSelector("#live-state[data-state=on]");
  t.after(() => process.kill(demo.pid, "SIGCONT"));
  process.kill(demo.pid, "SIGSTOP");
  await page.clock.fastForward(20_000);
  assert.equal(await page.getAttribute("#live-state", "data-state"), "on", "one heartbeat late is no silence");
  await page.clock.fastForward(30_000);
  await page.waitForSelector("#live-state[data-state=off]");
  process.kill(demo.pid, "SIGCONT");
  await page.waitForSelector("#live-state[data-state=on]", { timeout: 30_000 });
});

test("no page has complained but of what was provoked", async () => {
  await assertQuiet(operator, new RegExp(`ERR_INTERNET_DISCONNECTED|${ASKED_TOO_LATE.source}`));
  await assertQuiet(decider);
});
