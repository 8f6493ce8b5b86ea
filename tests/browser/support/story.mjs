// The people of the story and what they do on the pages, by mouse, finger or keyboard, as the pages ask for it.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { complaints, openWindow } from "./browser.mjs";
import { code, until } from "./demo.mjs";

/** A phone held upright. */
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** A visitor with a window of their own; `troubles` collects what their pages complain of. */
export async function visit(browser, demo, options = {}) {
  const context = await openWindow(browser, options);
  await context.addInitScript(() => {
    // Words drawn on canvases: the watermark's are read nowhere else.
    window.written = new Set();
    const draw = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function fillText(text, ...where) {
      if (window.written.size < 500) window.written.add(text);
      return draw.call(this, text, ...where);
    };
    // A page that closes its connection hears nothing more, whatever the server sends: `holdPeers` keeps the line open.
    const close = RTCPeerConnection.prototype.close;
    RTCPeerConnection.prototype.close = function closeUnlessHeld() {
      if (!window.holdPeers) close.call(this);
    };
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  return { context, page, demo, troubles: complaints(page) };
}

/** Types a log-in into the form that is on the page. */
export async function typeLogin(page, person) {
  await page.fill("input[name=email]", person.email);
  await page.fill("input[name=password]", person.password);
  if (person.totp_secret) await page.fill("input[name=code]", await code(person));
  await page.click("#login-form [type=submit]");
}

/** Somebody of this role, logged in through the form, on the page `path`. */
export async function enter(browser, demo, role, path = "/", options = {}) {
  const visitor = await visit(browser, demo, options);
  await visitor.page.goto(`${demo.url}/login?next=${encodeURIComponent(path)}`);
  await typeLogin(visitor.page, demo.person(role));
  await visitor.page.waitForURL(demo.url + path);
  return visitor;
}

/** Files a request on the page; resolves to the ticket's id. */
export async function ask({ page, demo }, { hours = "2", reason = "degradations" } = {}) {
  await page.goto(`${demo.url}/tickets`);
  await page.check(`input[name=reasons][value=${reason}]`);
  await page.selectOption("#duration_minutes", String(Number(hours) * 60));
  await page.fill("#ask-email", demo.person("operator").email);
  await page.click("#ask-form [type=submit]");
  await page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/);
  return page.url().split("/").pop();
}

/** What people call a ticket. */
export const short = (ticket) => ticket.slice(-8).toUpperCase();

/** What a player that asks after its cameras every few seconds gets in the instant in which its ticket ends. */
export const ASKED_TOO_LATE = /status of 410 .*\/tickets\/[0-9a-f-]{36}\/cameras$/;

/** Sends a form; resolves when the page that answers has run its scripts. */
export const send = (page, button) => Promise.all([page.waitForEvent("load"), page.click(button)]);

/** The interface, as somebody's page may ask it. */
export const asked = (page) => ({ get: (path) => page.evaluate(async (from) => {
  const answer = await fetch(from);
  return { status: answer.status, body: await answer.json() };
}, path) });

/** No page has complained: nothing on the console, no exception, no CSP violation. `except` is what was provoked. */
export async function assertQuiet({ page, troubles }, except = undefined) {
  assert.deepEqual(troubles.filter((trouble) => !except?.test(trouble)), [], "complaints of the page");
  assert.deepEqual(await page.evaluate(() => window.violations), [], "CSP violations");
}

/** Nothing sticks out sideways. */
export async function assertFits(page) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= seen, `${page.url()} is ${wide} wide on a screen of ${seen}`);
}

/** The texts an element shows, trimmed, once it is there. */
export const textOf = async (page, selector) => (await page.locator(selector).first().innerText()).replace(/[\u00a0\u202f]/g, " ").trim();

/** The demo's child process that plays this camera. */
export function pusher(demo, camera) {
  const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).find((name) => {
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]);
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return parent === demo.pid && words.includes("push") && words.some((word) => word.endsWith(`/${camera}`));
    } catch {
      return false;
    }
  });
  assert.ok(found, `no process pushes ${camera}`);
  return Number(found);
}

/** Presses Tab until what has the focus matches. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 80; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not reach ${selector}`);
}

/** The wall plays: its own word for it. */
export const live = (page, seconds = 60) => until("the player is live", seconds, () =>
  page.locator("[data-player-state][data-state=live]").count());

/** The decider approves on the ticket's page, and leaves it; the operator opens the wall. */
export async function approveAndWatch(decider, operator, ticket) {
  const { demo } = operator;
  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await decider.page.click("#approve-button");
  await decider.page.waitForSelector("#live-ticket[data-state=open]");
  await decider.page.goto(`${demo.url}/tickets`);
  await operator.page.goto(`${demo.url}/tickets/${ticket}/watch`);
  await live(operator.page);
}

/** Who clears away, by demo: one log-in for all, since each needs a code and each code is taken once. */
const cleaners = new WeakMap();

/** Ends or withdraws whatever is under way. */
export async function clearAway(demo) {
  let client = cleaners.get(demo);
  let answer = await client?.get("/api/v1/tickets");
  if (answer?.status !== 200) {
    client = await demo.login("operator");
    cleaners.set(demo, client);
    answer = await client.get("/api/v1/tickets");
  }
  for (const { id, status } of answer.body.tickets) {
    if (status === "requested") await client.post(`/api/v1/tickets/${id}/withdraw`);
    if (status === "open") await client.post(`/api/v1/tickets/${id}/end`);
  }
}
