// The story through the pages: the operator asks, the decider looks on a phone and approves, the operator watches, the
// administrator cuts (A3-4, A3-6, A3-7, A4-2, A4-3, A4-4, A4-9, A6-5, A6-7).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { code, startDemo, until } from "./support/demo.mjs";
import { launch, traffic } from "./support/browser.mjs";
import { assertFlows, assertPictures, assertProblem, assertSilence, assertStrong, sentUnder } from "./support/asserts.mjs";
import { PHONE, asked, assertFits, assertQuiet, enter, live, send, short, textOf, typeLogin, visit } from "./support/story.mjs";

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), launch()]);
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

/** A genuine offer, posted as the page would, from the page. */
const offerFromPage = (page, ticket) => page.evaluate(async (ticket) => {
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  const { sdp } = await peer.createOffer();
  const csrf = document.querySelector("meta[name=csrf-token]").content;
  const response = await fetch(`/whep/tickets/${ticket}`, { method: "POST", headers: { "Content-Type": "application/sdp", "X-CSRF-Token": csrf }, body: sdp });
  return { status: response.status, headers: { "content-type": response.headers.get("Content-Type") }, body: await response.json() };
}, ticket);

test("asked, looked at, approved, watched, cut", async (t) => {
  const [agent, decider, charlie] = ["operator", "decider", "administrator"].map((role) => demo.person(role));
  let operator, phone, administrator, ticket;
  t.after(() => Promise.all([operator, phone, administrator].map((visitor) => visitor?.context.close())));

  await t.test("the operator logs in; a wrong password is said without losing the address", async () => {
    operator = await visit(browser, demo);
    const { page } = operator;
    await page.goto(`${demo.url}/tickets`);
    assert.match(page.url(), /\/login\?next=/);
    await typeLogin(page, { email: agent.email, password: "wrong" });
    assert.match(await textOf(page, ".trouble[role=alert]"), /incorrect/);
    assert.equal(await page.inputValue("input[name=email]"), agent.email);
    await page.fill("input[name=password]", agent.password);
    await page.fill("input[name=code]", await code(agent));
    await page.click("#login-form [type=submit]");
    await page.waitForURL(`${demo.url}/tickets`);
    assert.equal(await textOf(page, ".persona-name"), agent.name);
    await assertQuiet(operator, /status of 401/);
  });

  await t.test("a3_4 a faulty request: every fault beside its field, nothing typed is lost", async () => {
    const { page } = operator;
    await page.fill("#ask-email", "somebody@elsewhere.test");
    // No choice of the form is out of range: somebody who writes their own is told all the same.
    await page.evaluate(() => document.querySelector("#duration_minutes").add(new Option("1 h 59", "119", true, true)));
    await send(page, "#ask-form [type=submit]");
    await page.waitForSelector(".trouble[role=alert]");
    assert.match(await textOf(page, "#fault-reasons"), /au moins un motif/);
    assert.match(await textOf(page, "#fault-email"), /votre compte/);
    assert.match(await textOf(page, "#fault-duration"), /2 à 12 heures/);
    assert.equal(await page.inputValue("#ask-email"), "somebody@elsewhere.test");
    assert.equal(await page.evaluate(() => document.activeElement.matches(".trouble")), true, "the fault has the focus");
    for (const [field, fault] of [["#ask-email", "fault-email"], ["#duration_minutes", "fault-duration"], [".reasons", "fault-reasons"]]) {
      assert.ok((await page.getAttribute(field, "aria-describedby")).split(" ").includes(fault), `${field} is described by its fault`);
    }

    await page.check("input[name=reasons][value=vols]");
    await page.check("input[name=reasons][value=degradations]");
    await page.click(".segments button[value='240']");
    await send(page, "#ask-form [type=submit]");
    await page.waitForSelector("#fault-email");
    assert.equal(await page.locator("#fault-reasons, #fault-duration").count(), 0, "what was right is no fault");
    assert.deepEqual(await page.locator("input[name=reasons]:checked").evaluateAll((boxes) => boxes.map((box) => box.value).sort()), ["degradations", "vols"]);
    assert.equal(await page.inputValue("#duration_minutes"), "240");
    await assertQuiet(operator, /status of (401|422)/);
  });

  await t.test("the request is filed, and nothing is to be seen yet (A4-6)", async () => {
    const { page } = operator;
    await page.click(".segments button[value='120']");
    await page.click("[data-fills=ask-email]");
    assert.equal(await page.inputValue("#ask-email"), agent.email);
    await page.click("#ask-form [type=submit]");
    await page.waitForURL(/\/tickets\/[0-9a-f-]{36}$/);
    ticket = page.url().split("/").pop();
    assert.equal(await page.getAttribute("#live-ticket", "data-state"), "requested");
    assert.match(await textOf(page, ".notice"), /prévenus par courriel/);
    assert.equal(await page.locator("#watch-link").count(), 0);
    assertProblem(await offerFromPage(page, ticket), "ticket-not-open");
    await page.evaluate(() => { window.notReloaded = true; });
  });

  await t.test("a3_7 a4_2 the decider opens the mail's link on a phone and sees the preview play", async () => {
    phone = await visit(browser, demo, PHONE);
    const { page } = phone;
    await page.goto(`${demo.mails}?to=${encodeURIComponent(decider.email)}`);
    await assertFits(page);
    const mail = page.locator(".mail").first();
    assert.match(await mail.innerText(), /Agent Camille Roux/);
    await mail.locator("a.button").tap();
    await page.waitForURL(/\/login\?next=/);
    await assertFits(page);
    await typeLogin(page, decider);
    await page.waitForURL(`${demo.url}/tickets/${ticket}`);
    await live(page);
    await assertPictures(page, 4);
    assertStrong((await traffic(page)).transports);
    await assertFits(page);
    const words = [...await page.evaluate(() => [...window.written])];
    assert.ok(words.some((word) => word.includes(decider.name) && word.includes(short(ticket))), "the landlord's own look is marked too");
  });

  await t.test("a4_3 the decider approves: the button is in reach of the thumb", async () => {
    const { page } = phone;
    const box = await page.locator("#approve-button").boundingBox();
    assert.ok(box.height >= 44 && box.y + box.height <= PHONE.viewport.height, `seen without scrolling: ${JSON.stringify(box)}`);
    await page.locator("#approve-button").tap();
    await page.waitForSelector("#live-ticket[data-state=open]");
    assert.match(await textOf(page, ".notice"), /approuvée/);
    await assertQuiet(phone);
  });

  await t.test("the operator's page has updated itself", async () => {
    const { page } = operator;
    await page.waitForSelector("#live-ticket[data-state=open]", { timeout: 20_000 });
    assert.equal(await page.evaluate(() => window.notReloaded), true, "without being loaded again");
    assert.match(await page.title(), /^Transfert ouvert/);
    assert.match(await textOf(page, "#announce"), /Transfert ouvert/);
  });

  await t.test("a6_5 the wall: four cameras play over AES-256, and the page says which", async () => {
    const { page } = operator;
    await page.click("#watch-link");
    await page.waitForURL(/\/watch$/);
    await live(page);
    await assertPictures(page, 4);
    const { transports } = await traffic(page);
    assertStrong(transports);
    await page.waitForSelector("[data-cipher][data-verdict=strong]");
    const shown = await page.locator("[data-cipher]").evaluate((place) => ({ ...place.dataset, words: place.textContent }));
    assert.equal(shown.srtp, transports[0].srtp);
    assert.equal(shown.dtls, transports[0].dtls);
    assert.match(shown.words, /par tronçon, AES-256 AEAD_AES_256_GCM/);
  });

  await t.test("a4_9, fault 11: the watermark names agent, ticket and time on every picture, and comes back when it is taken off", async () => {
    const { page } = operator;
    assert.equal(await page.locator(".tile canvas.watermark").count(), 4);
    const words = await page.evaluate(() => [...window.written]);
    const mark = words.find((word) => word.startsWith(`${agent.name} · ${short(ticket)} · `));
    assert.match(mark ?? words.join("|"), /\d{2}\/\d{2}\/\d{4},? \d{2}:\d{2}:\d{2}$/);
    const inked = await page.locator("canvas.watermark").evaluateAll((marks) => marks.map((mark) =>
      mark.getContext("2d").getImageData(0, 0, mark.width, mark.height).data.some((value, at) => at % 4 === 3 && value > 200)));
    assert.deepEqual(inked, [true, true, true, true]);
    await page.locator("canvas.watermark").first().evaluate((mark) => mark.remove());
    assert.equal(await page.locator(".tile canvas.watermark").count(), 4);
    await page.locator("canvas.watermark").first().evaluate((mark) => mark.style.setProperty("opacity", "0", "important"));
    assert.equal(await page.locator("canvas.watermark").evaluateAll((marks) => marks.every((mark) => getComputedStyle(mark).opacity === "1")), true);
  });

  await t.test("time left counts, each picture has its age", async () => {
    const { page } = operator;
    const first = await textOf(page, "#time-left");
    assert.match(first, /^1:5\d:\d\d$/);
    await until("the time left goes on", 5, async () => await textOf(page, "#time-left") !== first);
    let ages;
    await until("each of four pictures has its age", 20, async () => {
      ages = await page.locator("[data-age]").allInnerTexts();
      return ages.length === 4 && ages.every((age) => /^\d+,\d s$/.test(age.replace(/\s/g, " ")));
    }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(ages)}`); });
  });

  await t.test("one camera is enlarged by key and by click, and back by Escape", async () => {
    const { page } = operator;
    const large = () => page.locator(".tile").evaluateAll((tiles) => tiles.findIndex((tile) => tile.classList.contains("large")));
    const width = (index) => page.locator(".tile").nth(index).evaluate((tile) => tile.clientWidth);
    const small = await width(1);
    await page.keyboard.press("2");
    assert.equal(await large(), 1);
    assert.ok(await width(1) > 1.3 * small, "it is larger");
    await page.keyboard.press("ArrowRight");
    assert.equal(await large(), 2);
    await page.keyboard.press("Escape");
    assert.equal(await large(), -1);
    await page.locator(".tile").nth(3).click();
    assert.equal(await large(), 3);
    assert.equal(await page.locator(".tile-zoom").nth(3).getAttribute("aria-pressed"), "true");
    await page.keyboard.press("Escape");
    assert.equal(await large(), -1);
    assert.equal(await page.locator("#wall-back").isVisible(), false);
    await assertFits(page);
  });

  await t.test("a6_7 the administrator's page lists the live session with all there is to know", async () => {
    administrator = await enter(browser, demo, "administrator", "/admin/sessions");
    const { page } = administrator;
    const row = page.locator("tr[data-session]", { hasText: agent.name });
    await until("the row has figures", 20, async () => /Mo|ko/.test(await row.innerText()) && /bit\/s/.test(await row.innerText()));
    const cells = (await row.locator("th, td").allInnerTexts()).map((text) => text.replace(/[\u00a0\u202f]/g, " "));
    assert.match(cells[0], /Agent Camille Roux\s+Transfert/, "who");
    assert.match(cells[1], new RegExp(`1 rue de l'Arcade\\s+${short(ticket)}`), "site and ticket");
    assert.match(cells[2], /^\S+\s+\S+:\d+$/, "workstation and address");
    assert.match(cells[3], /^\d\d:\d\d/, "since");
    for (const { name } of demo.cameras) assert.ok(cells[4].includes(name), `camera ${name}: ${cells[4]}`);
    assert.equal(cells[4].match(/\d+(,\d)? m?s/g)?.length, 4, `an age for each: ${cells[4]}`);
    assert.match(cells[5], /[\d,]+ [kMG]o\s+[\d,]+ [kM]bit\/s/, "bytes and bitrate");
    assert.match(cells[6], /SRTP_AEAD_AES_256_GCM\s+\S*AES.?256/, "ciphers");
  });

  await t.test("a4_4 the administrator tears the branch down: no packet follows, the wall says who and why", async () => {
    const { page } = administrator;
    await assertFlows(operator.page);
    await operator.page.evaluate(() => { window.holdPeers = true; });
    await page.locator("tr[data-session]", { hasText: agent.name }).locator("[data-opens=cut-dialog]").click();
    const dialog = page.locator("#cut-dialog[open]");
    assert.match(await dialog.innerText(), /Agent Camille Roux/);
    await dialog.locator("textarea").fill("essai de coupure");
    await Promise.all([page.waitForSelector(".notice"), dialog.locator("[type=submit]").click()]);
    assert.match((await textOf(page, ".notice")), /dernière image envoyée .* ms après/);
    await operator.page.waitForSelector("#overlay[data-what=cut]:not([hidden])", { timeout: 10_000 });
    const overlay = await textOf(operator.page, "#overlay");
    assert.match(overlay, /Coupé par l’administrateur/);
    assert.match(overlay, /« essai de coupure »/);
    await assertSilence(operator.page, await sentUnder(asked(page), ticket));
    assert.equal(await operator.page.locator("video").evaluateAll((videos) => videos.every((video) => video.srcObject === null)), true, "no last picture stays");
  });

  await t.test("the session was cut, the ticket is open: the operator resumes; then the administrator interrupts the ticket", async () => {
    await operator.page.evaluate(() => { window.holdPeers = false; });
    await operator.page.click("#overlay-button");
    await live(operator.page);
    await operator.page.evaluate(() => { window.holdPeers = true; });
    const { page } = administrator;
    await page.locator(`[data-ticket="${ticket}"] [data-opens=interrupt-dialog]`).click();
    const dialog = page.locator("#interrupt-dialog[open]");
    await dialog.locator("textarea").fill("fin de l’essai");
    await Promise.all([page.waitForSelector(".notice >> text=/Transfert interrompu/"), dialog.locator("[type=submit]").click()]);
    await operator.page.waitForSelector("[data-ended=cut]", { timeout: 10_000 });
    const end = await textOf(operator.page, "#watch");
    assert.match(end, /Coupé par l’administrateur/);
    assert.ok(end.includes(charlie.name), `who: ${end}`);
    assert.match(end, /« fin de l’essai »/);
    await assertSilence(operator.page, await sentUnder(asked(page), ticket));
    await assertQuiet(administrator);
  });

  await t.test("a new offer on the dead ticket is refused with a problem document (RFC 9457)", async () => {
    assertProblem(await offerFromPage(operator.page, ticket));
    await assertQuiet(operator, /status of 4\d\d/);
  });

  await t.test("the register tells it in order (A4-5)", async () => {
    const reader = await enter(browser, demo, "auditor", "/register");
    const text = await textOf(reader.page, ".lines");
    const first = (words) => {
      const place = text.indexOf(words);
      assert.ok(place >= 0, `"${words}" is in the register`);
      return place;
    };
    const order = ["Transfert coupé par l’administrateur", "a coupé cette session", "Le transfert est ouvert", "a approuvé la demande", "demande l’accès"].map(first);
    assert.deepEqual(order, [...order].sort((a, b) => a - b), "newest first");
    assert.ok(text.lastIndexOf("regarde les images pour le bailleur") > first("a approuvé la demande"), "looked at before it was approved");
    first("« essai de coupure »");
    assert.match(text, /images transmises pendant \d+ s · coupé en [\d,]+ ms|coupé en [\d,]+ ms/);
    await assertQuiet(reader);
    await reader.context.close();
  });
});
