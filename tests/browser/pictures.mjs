// Takes the README's pictures from the running demo, as the story goes: `node tests/browser/pictures.mjs FOLDER`.
// scripts/pictures installs what this needs and calls it.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "./support/browser.mjs";
import { startDemo, until } from "./support/demo.mjs";
import { PHONE, ask, enter, live } from "./support/story.mjs";

const folder = process.argv[2];
if (!folder) throw new Error("where to? node tests/browser/pictures.mjs FOLDER");
mkdirSync(folder, { recursive: true });
const raw = mkdtempSync(join(tmpdir(), "ecluse-pictures-"));
const DESK = { viewport: { width: 1440, height: 900 } };
const LIST = { viewport: { width: 1280, height: 800 } };
const FORM = { width: 1280, height: 980 };

/** Keeps what the page shows, in 256 colours: a picture of pages and films needs no more, and a third of the bytes. */
async function take(page, name) {
  await page.evaluate(() => document.activeElement?.blur?.());
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.fonts.ready);
  const [from, to] = [join(raw, name), join(folder, name)];
  await page.screenshot({ path: from });
  execFileSync("ffmpeg", ["-y", "-loglevel", "error", "-i", from, "-filter_complex",
    "split[a][b];[a]palettegen=max_colors=256:stats_mode=full[p];[b][p]paletteuse=dither=none", "-frames:v", "1", to]);
  console.log(`${name}: ${Math.round(statSync(to).size / 1024)} KiB`);
}

/** Four pictures on the page, the cipher known, all ages small. */
const plays = async (page) => {
  await live(page);
  await page.waitForSelector("[data-cipher][data-verdict=strong]");
  await until("every tile plays", 60, () => page.locator(".tile").evaluateAll((tiles) => tiles.length > 0 && tiles.every((tile) => !tile.matches(".old, .empty-picture") && /[\d]/.test(tile.querySelector("[data-age]").textContent))));
};

const [demo, browser] = await Promise.all([startDemo(), launch()]);
try {
  const operator = await enter(browser, demo, "operator", "/tickets", LIST);
  // A list that has a past: one request taken back, one refused.
  const decider = await enter(browser, demo, "decider", "/", PHONE);
  await ask(operator, { reason: "attroupements", hours: "3" });
  await operator.page.click("[data-opens=withdraw-dialog]");
  await operator.page.click("#withdraw-dialog [type=submit]");
  await operator.page.waitForSelector("#live-ticket[data-state=withdrawn]");
  const refused = await ask(operator, { reason: "vols" });
  await decider.page.goto(`${demo.url}/tickets/${refused}`);
  await decider.page.click("#refuse-button");
  await decider.page.fill("#refuse-dialog textarea", "Travaux dans la cour, personne sur place.");
  await decider.page.click("#refuse-dialog [type=submit]");
  await decider.page.waitForSelector("#live-ticket[data-state=refused]");

  await operator.page.goto(`${demo.url}/tickets`);
  await operator.page.check("input[name=reasons][value=degradations]");
  await operator.page.check("input[name=reasons][value=occupations-abusives]");
  await operator.page.click(".segments button[value='240']");
  await operator.page.click("[data-fills=ask-email]");
  await operator.page.setViewportSize(FORM);
  await operator.page.evaluate(() => scrollTo(0, 0));
  await take(operator.page, "demande.png");
  await operator.page.click("#ask-form [type=submit]");
  await operator.page.waitForSelector("#live-ticket[data-state=requested]");
  const ticket = operator.page.url().split("/").pop();

  await decider.page.goto(`${demo.url}/tickets/${ticket}`);
  await plays(decider.page);
  await take(decider.page, "decision.png");
  await decider.page.click("#approve-button");
  await decider.page.waitForSelector("#live-ticket[data-state=open]");

  await operator.page.setViewportSize(DESK.viewport);
  await operator.page.click("#watch-link");
  await plays(operator.page);
  await take(operator.page, "mur.png");
  await operator.page.keyboard.press("1");
  await plays(operator.page);
  await take(operator.page, "agrandie.png");
  await operator.page.keyboard.press("Escape");

  const administrator = await enter(browser, demo, "administrator", "/admin/sessions", { viewport: { width: 1280, height: 720 } });
  await until("the sessions have figures", 30, async () => /bit\/s/.test(await administrator.page.locator("#sessions").innerText()) && /AES_256/.test(await administrator.page.locator("#sessions").innerText()));
  await take(administrator.page, "sessions.png");

  await operator.page.click("button[name=language][value=en]");
  await operator.page.waitForSelector("html[lang=en]");
  await plays(operator.page);
  await take(operator.page, "wall-en.png");

  await administrator.page.click(`[data-ticket="${ticket}"] [data-opens=interrupt-dialog]`);
  await administrator.page.fill("#interrupt-dialog textarea", "Demande du bailleur par téléphone.");
  await administrator.page.click("#interrupt-dialog [type=submit]");
  await administrator.page.waitForSelector(".notice");
  await administrator.page.goto(`${demo.url}/register`);
  await take(administrator.page, "registre.png");
} finally {
  await browser.close();
  await demo.stop();
  rmSync(raw, { recursive: true, force: true });
}
