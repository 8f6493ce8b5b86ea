// Every page of every role, light and dark, at a desk and on a phone: no violation of WCAG 2.1 AA that axe-core finds, and
// nothing that sticks out sideways.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startDemo, until } from "./support/demo.mjs";
import { launch } from "./support/browser.mjs";
import { PHONE, ask, assertFits, assertQuiet, enter, live, visit } from "./support/story.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESK = { width: 1280, height: 800 };

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

/** Looks at the page as it is, in both colour schemes, and at a phone's width. */
async function look(page, what) {
  // Evaluated by the browser's driver: the page's own security policy lets no foreign script in.
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // Dark differs from light in its colours alone.
    const runOnly = colorScheme === "light" ? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] : { type: "rule", values: ["color-contrast", "link-in-text-block"] };
    const { violations, passes, incomplete } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly, resultTypes: ["violations"] }), runOnly);
    assert.ok(passes.length + incomplete.length > 0, `axe has looked at ${what}`);
    const found = violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}\n    ${node.html.slice(0, 160)}\n    ${node.any.concat(node.all, node.none).map((check) => check.message).join("; ").slice(0, 240)}`));
    assert.deepEqual(found, [], `${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  for (const size of [DESK, PHONE.viewport]) {
    await page.setViewportSize(size);
    await assertFits(page);
  }
  await page.setViewportSize(DESK);
}

/** The navigation's pages, as this person has them. */
const places = (page) => page.locator(".nav a, footer a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));

test("log-in, its refusal, and an error page", async (t) => {
  const visitor = await visit(browser, demo);
  t.after(() => visitor.context.close());
  const { page } = visitor;
  await page.goto(`${demo.url}/login`);
  await look(page, "log-in");
  await page.fill("input[name=email]", "nobody@demo.ecluse.test");
  await page.fill("input[name=password]", "wrong");
  await page.click("#login-form [type=submit]");
  await page.waitForSelector(".trouble");
  await look(page, "log-in refused");
  await page.goto(`${demo.url}/nowhere`);
  await look(page, "an error page");
});

test("the request, with its faults, and the ticket in every state, for the operator and the decider", async (t) => {
  const { page } = operator;
  await page.goto(`${demo.url}/tickets`);
  await page.fill("#ask-email", "somebody@elsewhere.test");
  await page.click("#ask-form [type=submit]");
  await page.waitForSelector("#fault-email");
  await look(page, "a faulty request");
  const ticket = await ask(operator);
  await look(page, "the operator's pending ticket");
  await page.click("[data-opens=withdraw-dialog]");
  await look(page, "a dialog");
  await page.keyboard.press("Escape");
  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await live(decider.page);
  await look(decider.page, "the decision with its preview");
  await decider.page.click("#refuse-button");
  await look(decider.page, "the dialog that asks why");
  await decider.page.keyboard.press("Escape");
  await decider.page.click("#approve-button");
  await decider.page.waitForSelector("#live-ticket[data-state=open]");
  await look(decider.page, "the decider's open ticket");
  await page.waitForSelector("#live-ticket[data-state=open]");
  await look(page, "the operator's open ticket");

  await t.test("the wall, one camera enlarged, and what may lie over it", async () => {
    await page.click("#watch-link");
    await live(page);
    await look(page, "the wall");
    await page.keyboard.press("2");
    await look(page, "one camera enlarged");
    await page.keyboard.press("Escape");
  });

  await t.test("the landlord's one large button that cuts", async () => {
    await decider.page.goto(`${demo.url}/tickets/${ticket}/cut`);
    await look(decider.page, "the cut with one tap");
    await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  });

  await t.test("the administrator's pages, while somebody watches", async (t) => {
    const visitor = await enter(browser, demo, "administrator");
    t.after(() => visitor.context.close());
    for (const place of await places(visitor.page)) {
      await visitor.page.goto(demo.url + place);
      await look(visitor.page, `administrator ${place}`);
    }
    await visitor.page.goto(`${demo.url}/me/second-factor`);
    await look(visitor.page, "one's own second factor");
    await visitor.page.goto(`${demo.url}/admin/people/new`);
    await visitor.page.fill("input[name=name]", "Lou Martin");
    await visitor.page.fill("input[name=email]", "lou@demo.ecluse.test");
    await look(visitor.page, "a person to be added");
    await visitor.page.selectOption("select[name=role]", "auditor");
    await visitor.page.click("#person-form [type=submit]");
    await visitor.page.waitForSelector(".notice");
    await look(visitor.page, "people, one of them invited");
    const lou = await visit(browser, demo);
    t.after(() => lou.context.close());
    await lou.page.goto(`${demo.url}/demo/mails?to=${encodeURIComponent("lou@demo.ecluse.test")}`);
    const link = /\/invitation\/[\w-]{43}/.exec(await lou.page.content())[0];
    await lou.page.goto(demo.url + link);
    await look(lou.page, "an invitation");
    for (const field of ["password", "again"]) await lou.page.fill(`input[name=${field}]`, "une phrase assez longue");
    await lou.page.click("#invitation-form [type=submit]");
    await lou.page.waitForURL(`${demo.url}/login/second-factor`);
    await look(lou.page, "the enrolment of a second factor");
    await lou.page.goto(demo.url + link);
    await look(lou.page, "an invitation that was used");
    await visitor.page.goto(`${demo.url}/admin/sessions`);
    await visitor.page.locator("tr[data-session]", { hasText: "Agent Camille Roux" }).locator("[data-opens=cut-dialog]").click();
    await visitor.page.fill("#cut-dialog textarea", "essai");
    await visitor.page.click("#cut-dialog [type=submit]");
    await visitor.page.waitForSelector(".notice");
    await page.waitForSelector("#overlay:not([hidden])");
    await look(page, "the wall after a cut");
    await assertQuiet(visitor);
  });

  await page.goto(`${demo.url}/tickets/${ticket}`);
  await page.click("[data-opens=end-dialog]");
  await page.click("#end-confirm");
  await page.waitForSelector("#live-ticket[data-state=ended]");
  await look(page, "the operator's ended ticket");
  await page.goto(`${demo.url}/tickets/${ticket}/watch`);
  await look(page, "the wall's address after the end");
  await decider.page.waitForSelector("#live-ticket[data-state=ended]");
  await look(decider.page, "the decider's ended ticket");
});

test("a hold and an access request: faulty, standing, over (A5-2, A5-5)", async () => {
  const { page } = decider;
  const send = (button) => Promise.all([page.waitForEvent("load"), page.locator(button).first().click()]);
  const scope = async (form) => {
    const radio = page.locator(`${form} input[name=site]`).first();
    if (!await radio.isChecked()) await radio.check();
    await page.locator(`${form} input[name=cameras]`).first().check();
    await page.fill(`${form} input[name=from]`, "2026-01-05T10:00");
  };
  await page.goto(`${demo.url}/holds`);
  await scope("#hold-form");
  const requisition = { authority: "Tribunal judiciaire de Créteil", reference: "PV 2026/114", date: "2026-01-06", document_sha256: "ab".repeat(32) };
  for (const [field, value] of Object.entries(requisition)) await page.fill(`#hold-form input[name=${field}]`, value);
  await page.fill("#hold-form input[name=until]", "2026-01-05T09:00");
  await send("#hold-form [type=submit]");
  await look(page, "a faulty hold");
  await page.fill("#hold-form input[name=until]", "2026-01-05T11:00");
  await send("#hold-form [type=submit]");
  assert.match(await page.textContent("main"), /PV 2026\/114/);
  await look(page, "a hold that stands");
  await page.locator("form[action$='/release'] [name=why]").first().fill("classement sans suite");
  await send("form[action$='/release'] [type=submit]");
  await look(page, "a hold that was released");

  await page.goto(`${demo.url}/access-requests`);
  await scope("#access-form");
  await page.fill("#access-form input[name=until]", "2026-01-05T11:00");
  await page.locator("#access-form [name=person]").fill("Mme Filmée, 1 rue de l'Arcade");
  await page.fill("#access-form input[name=received_on]", "2026-01-06");
  await send("#access-form [type=submit]");
  assert.match(await page.textContent("main"), /Mme Filmée/);
  await look(page, "an access request that waits, late");
  await page.locator("form[action$='/answer'] input[value=third-party-privacy]").first().check();
  await send("form[action$='/answer'] [type=submit]");
  await look(page, "an access request that was answered");
});

test("every page of the navigation, for every other role", async (t) => {
  for (const role of ["operator", "chief", "decider", "guard", "dpo", "auditor"]) {
    await t.test(role, async () => {
      const visitor = role === "operator" ? operator : role === "decider" ? decider : await enter(browser, demo, role);
      await visitor.page.goto(demo.url);
      for (const place of await places(visitor.page)) {
        await visitor.page.goto(demo.url + place);
        await look(visitor.page, `${role} ${place}`);
      }
      if (role === "decider") {
        await visitor.page.goto(`${demo.url}/recordings/${demo.site}`);
        await look(visitor.page, "the timeline of the recordings");
        await visitor.page.click("#open");
        await visitor.page.waitForSelector("#stage:not([hidden])");
        await until("there are thumbnails", 60, () => visitor.page.locator("#thumbs button").count());
        await look(visitor.page, "recordings that are played");
        await visitor.page.goto(`${demo.url}/recordings/${demo.site}`);
        await visitor.page.locator("#lanes .rec-mark-viewed").first().focus();
        await look(visitor.page, "the timeline with what was done before");
      }
      // 422: the faulty request. 410: a page that looked at the images asks once more at the moment the ticket ends.
      await assertQuiet(visitor, /status of (410|422)/);
      await visitor.context.close();
    });
  }
});

test("fault 13: recorded images that are not on the disk are an alarm on every page", async () => {
  assert.equal(await demo.pause(), "0");
  const recorded = readdirSync(demo.directory, { recursive: true }).filter((name) => name.endsWith(".seg"));
  assert.ok(recorded.length > 0, "something was recorded");
  rmSync(join(demo.directory, recorded[0]));
  demo = await startDemo({ left: demo.directory });
  const administrator = await enter(browser, demo, "administrator");
  const { page } = administrator;
  await page.goto(`${demo.url}/storage`);
  await page.waitForSelector("[data-alarm=files-missing]");
  await look(page, "the storage with an alarm");
  await page.goto(`${demo.url}/sites`);
  assert.match(await page.locator(".banner").innerText(), /Des segments enregistrés sont introuvables sur le disque\./);
  await look(page, "a page with the alarm's banner");
  await assertQuiet(administrator);
  await administrator.context.close();
});
