// The landlord's recordings in a real browser: the decider plays what four real cameras recorded, scrubs, steps, exports;
// the export is verified by the command and plays by itself (A1-3, A4-10, A5-6).

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binary, startDemo, until } from "./support/demo.mjs";
import { launch, pictures } from "./support/browser.mjs";
import { assertQuiet, enter, tabTo, textOf } from "./support/story.mjs";

let demo, browser, decider, scratch;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "ecluse-export-"));
  [demo, browser] = await Promise.all([startDemo(), launch()]);
  decider = await enter(browser, demo, "decider");
});

after(async () => {
  await browser?.close();
  const how = await demo?.stop();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
  if (demo) assert.equal(how, "0", `the demo stops cleanly:\n${demo.log}`);
});

/** `datetime-local` in Paris, as the page has it. */
const local = (ms) => new Date(ms).toLocaleString("sv-SE", { timeZone: "Europe/Paris" }).replace(" ", "T");
const seconds = async (page) => Number(await page.inputValue("#position"));
const register = async (page) => (await page.evaluate(async () => (await fetch("/api/v1/register?kind=footage&limit=100")).json())).lines.map(({ event }) => event);

test("a4_10 a5_6 the decider plays, scrubs and exports what was recorded, and each act is in the register", async (t) => {
  const { page } = decider;
  const place = `${demo.url}/recordings/${demo.site}`;
  let begin;
  let runs = [];
  await until("25 s of every camera are recorded without a gap", 120, async () => {
    await page.goto(place);
    runs = await page.locator("tr[data-run]").evaluateAll((rows) => rows.map((row) => [row.dataset.run, ...[...row.querySelectorAll("time")].map((time) => Date.parse(time.dateTime))]));
    // Each camera's newest run: a slow machine may have had a gap before.
    const newest = new Map(runs.map((run) => [run[0], run]));
    begin = Math.max(...[...newest.values()].map(([, from]) => from));
    return newest.size === 4 && [...newest.values()].every(([, , to]) => to - begin > 25_000);
  }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(runs)}\n${demo.log.slice(-4000)}`); });
  begin = Math.ceil(begin / 1000) * 1000 + 1000;
  assert.deepEqual(await register(page), [], "the timeline shows no images and leaves no entry");

  await t.test("all cameras play in step: pictures that are neither black nor frozen", async () => {
    await page.fill("#from", local(begin));
    await page.fill("#until", local(begin + 20_000));
    await page.click("#open");
    await page.waitForSelector("#stage:not([hidden])");
    await until("every camera has its playlist", 30, async () => (await page.locator("#wall figure[data-parts]").count()) === 4);
    await until("every camera has a picture", 60, () => page.locator("#wall video").evaluateAll((videos) =>
      videos.every((video) => !video.seeking && video.readyState >= 2)));
    await page.click("#toggle");
    await until("the clock runs", 60, async () => (await seconds(page)) > 1);
    const seen = await pictures(page);
    assert.equal(seen.length, 4, JSON.stringify(seen));
    for (const picture of seen) {
      assert.ok(picture.height >= 720 && picture.contrast > 10 && picture.movement > 0.1, JSON.stringify(picture));
    }
    const apart = await page.locator("#wall video").evaluateAll((videos) => videos.map((video) => video.currentTime));
    assert.ok(apart.every((time) => time > 0), JSON.stringify(apart));
    const events = await register(page);
    assert.deepEqual(events.map(({ type }) => type), ["footage-viewed"], "one entry for one viewing");
    assert.equal(events[0].footage.cameras.length, 4);
  });

  await t.test("pause, one picture on, ten seconds, scrubbing, speed: by keyboard and by mouse", async () => {
    await page.focus("#toggle");
    await page.keyboard.press("Enter");
    const paused = await seconds(page);
    const still = await page.locator("#wall video").first().evaluate((video) => video.paused);
    assert.ok(still, "paused");
    await page.keyboard.press(".");
    const stepped = (await seconds(page)) - paused;
    assert.ok(stepped > 0.02 && stepped < 0.081, `one picture at 25 a second: ${stepped}`);
    await page.locator("#position").fill("12");
    await until("every camera shows the instant", 30, () => page.locator("#wall video").evaluateAll((videos) =>
      videos.every((video) => !video.seeking && video.readyState >= 2)));
    const [before] = await pictures(page, 1);
    assert.ok(before.contrast > 10 && before.movement < 0.1, `still, and not black: ${JSON.stringify(before)}`);
    await tabTo(page, "#toggle");
    await page.keyboard.press("ArrowLeft");
    assert.ok(Math.abs((await seconds(page)) - 2) < 0.1, String(await seconds(page)));
    await page.selectOption("#speed", "4");
    const wall = () => page.locator("#wall video").evaluateAll((videos) => videos.map(({ paused, playbackRate, currentTime }) => ({ paused, playbackRate, currentTime })));
    const begun = await wall();
    await page.click("#toggle");
    // How fast four times is, is the machine's affair: the pictures are not left behind where it cannot.
    await until("all play, at four times the speed", 30, async () => (await wall()).every(({ paused, playbackRate }) => !paused && playbackRate > 3.5 && playbackRate < 4.5));
    // Not long: what is played ends after twenty seconds. It has the focus.
    await until("it plays on", 60, async () => (await seconds(page)) > 4);
    await page.keyboard.press("Enter");
    const [at, now] = [await seconds(page), await wall()];
    now.forEach(({ currentTime, paused }, which) => {
      assert.ok(paused, `camera ${which} stands still`);
      const apart = currentTime - begun[which].currentTime - (at - 2);
      assert.ok(Math.abs(apart) < 0.05, `in step: camera ${which} is ${apart} s beside the clock`);
    });
  });

  await t.test("thumbnails are pictures, and each leads to its instant", async () => {
    await until("the strip is there", 60, async () => (await page.locator("#thumbs button").count()) === 8);
    await page.locator("#thumbs button").nth(4).click();
    const at = await seconds(page);
    assert.ok(at > 8 && at < 14, `in the second half: ${at}`);
    const contrast = await page.locator("#thumbs canvas").nth(4).evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, 160, 90);
      return Math.max(...data.filter((_, i) => i % 4 === 0)) - Math.min(...data.filter((_, i) => i % 4 === 0));
    });
    assert.ok(contrast > 20, `not one grey: ${contrast}`);
  });

  await t.test("the viewer chooses whose thumbnails there are; those that were made are not made again", async () => {
    const names = await page.locator("#thumb-camera option").allTextContents();
    assert.equal(names.length, 4);
    const strip = () => page.locator("#thumbs button").evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label")));
    const of = async (name) => { const labels = await strip(); return labels.length === 8 && labels.every((label) => label.includes(name)); };
    assert.ok(await of(names[0]), `the first camera's: ${await strip()}`);
    await page.selectOption("#thumb-camera", { index: 2 });
    await until("the third camera's are there, and no other's", 60, () => of(names[2]));
    await page.selectOption("#thumb-camera", { index: 0 });
    assert.ok(await of(names[0]), `at once: ${await strip()}`);
    assert.deepEqual((await register(page)).map(({ type }) => type), ["footage-viewed"], "within the viewing: no other entry");
  });

  await t.test("the export: told while it runs, verified by the command, played by itself; a changed byte is named", async () => {
    await page.fill("#reference", "Réquisition 2026/117, tribunal judiciaire");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    const zip = join(scratch, download.suggestedFilename());
    await download.saveAs(zip);
    await until("the page says so", 30, async () => /terminé/.test(await textOf(page, "#export-words")));
    assert.equal(await page.locator("#export-bar").evaluate((bar) => bar.value), 1);
    assert.deepEqual((await register(page)).map(({ type }) => type).sort(), ["footage-exported", "footage-viewed"]);

    const key = join(demo.directory, "data/register.pub");
    const verify = () => spawnSync(binary(), ["recordings", "verify", "--key", key, zip], { encoding: "utf8" });
    const sound = verify();
    assert.equal(sound.status, 0, sound.stdout + sound.stderr);
    assert.match(sound.stdout, /Réquisition 2026\/117/);
    execFileSync("python3", ["-m", "zipfile", "-e", zip, join(scratch, "out")]);
    const manifest = JSON.parse(readFileSync(join(scratch, "out/manifest.json"), "utf8"));
    assert.equal(manifest.cameras.length, 4);
    for (const { camera, files } of manifest.cameras) {
      assert.ok(files.length > 0, camera);
      for (const file of files) {
        const probe = JSON.parse(execFileSync("ffprobe", ["-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "json", join(scratch, "out", file.name)], { encoding: "utf8" }));
        assert.equal(probe.streams[0].codec_name, "h264");
        assert.equal(Number(probe.streams[0].nb_read_packets), file.frames, file.name);
      }
    }
    await plays(join(scratch, "out", manifest.cameras[0].files[0].name));

    const bytes = readFileSync(zip);
    bytes[Math.floor(bytes.length / 3)] ^= 1;
    writeFileSync(zip, bytes);
    const tampered = verify();
    assert.equal(tampered.status, 1, tampered.stdout);
    const named = readdirSync(join(scratch, "out"), { recursive: true }).filter((name) => name.endsWith(".mp4"));
    assert.ok(named.some((name) => tampered.stdout.includes(name)), tampered.stdout);
  });

  await t.test("the line tells what was done, and gives its period by keyboard as by mouse", async () => {
    await page.goto(place);
    const who = demo.person("decider").name;
    for (const mark of ["viewed", "exported"]) {
      assert.ok((await textOf(page, `tr[data-mark=${mark}]`)).includes(who), mark);
      assert.equal(await page.locator(`#lanes .rec-mark-${mark}`).count(), 1, mark);
    }
    assert.match(await textOf(page, "tr[data-mark=exported]"), /Réquisition 2026\/117/);
    assert.equal(await page.locator("#lanes [data-item][tabindex='0']").count(), 1, "one stop of the Tab key");
    const focused = () => page.evaluate(() => {
      const { dataset } = document.activeElement;
      return { row: document.activeElement.closest("[data-row]")?.dataset.row, first: Date.parse(dataset.first), last: Date.parse(dataset.last) };
    });
    const form = async () => Promise.all(["#from", "#until"].map(async (field) => {
      // A browser leaves the seconds of a whole minute out.
      const value = await page.inputValue(field);
      return value.length === "2026-11-26T09:16".length ? `${value}:00` : value;
    }));

    await tabTo(page, "#lanes [data-item]");
    const viewed = await focused();
    assert.equal(viewed.row, "viewed");
    assert.match(await textOf(page, "#line-words"), /enregistrements consultés/);
    assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /enregistrements consultés/);
    await page.keyboard.press("Enter");
    const [from, to] = await form();
    assert.equal(from, local(viewed.first - 300_000));
    assert.ok(to > local(viewed.first) && to <= local(Math.min(viewed.first + 300_000, Date.now() + 1000)), `${to}: five minutes on, but not beyond now`);
    assert.match(await page.textContent("#announce"), /Période reprise/);

    await page.keyboard.press("ArrowDown");
    assert.equal((await focused()).row, "exported");
    await page.keyboard.press("ArrowDown");
    const seen = await focused();
    assert.deepEqual(seen, { row: "seen", first: begin, last: begin + 20_000 }, "the stretch that was played and exported");
    await page.keyboard.press(" ");
    assert.deepEqual(await form(), [local(begin), local(begin + 20_000)]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    const run = await focused();
    assert.equal(await page.locator(`tr[data-run="${run.row}"]`).count() > 0, true, `images: ${run.row}`);
    await page.keyboard.press("Enter");
    assert.deepEqual(await form(), [local(run.first), local(Math.ceil(run.last / 1000) * 1000)], "the whole run");
    await page.keyboard.press("Tab");
    assert.equal(await page.locator("#lanes :focus").count(), 0, "the Tab key leaves the line");

    await page.locator("#lanes .rec-mark-exported").click();
    const exported = Date.parse(await page.locator("#lanes .rec-mark-exported").getAttribute("data-first"));
    assert.equal((await form())[0], local(exported - 300_000), "by mouse");
    const bar = page.locator(`#lanes [data-row="${run.row}"] .rec-bar`).last();
    await bar.click();
    const clicked = (await form()).map((text) => Date.parse(`${text}Z`));
    assert.equal(clicked[1] - clicked[0], 600_000, "of images the instant that was clicked");
  });
  await assertQuiet(decider);
});

/** A film from the export, in a window that knows nothing of the server. */
async function plays(film) {
  const server = createServer((request, response) => {
    if (request.url !== "/film.mp4") {
      response.setHeader("Content-Type", "text/html");
      return response.end('<!doctype html><title>film</title><video src="/film.mp4" muted autoplay></video>');
    }
    response.setHeader("Content-Type", "video/mp4");
    response.setHeader("Content-Length", statSync(film).size);
    return createReadStream(film).pipe(response);
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await until("the exported film plays", 30, () => page.locator("video").evaluate((video) => video.currentTime > 0.5));
    const [seen] = await pictures(page, 4);
    assert.ok(seen.contrast > 10 && seen.movement > 0.1, JSON.stringify(seen));
  } finally {
    await context.close();
    server.closeAllConnections();
    server.close();
  }
}

test("a1_3 the police find no recordings: no place in their navigation, 403 at the address", async () => {
  for (const role of ["operator", "chief"]) {
    const visitor = await enter(browser, demo, role);
    assert.equal(await visitor.page.locator('a[href^="/recordings"]').count(), 0, role);
    for (const path of ["/recordings", `/recordings/${demo.site}`]) {
      const answer = await visitor.page.goto(demo.url + path);
      assert.equal(answer.status(), 403, `${role} ${path}`);
    }
    await visitor.context.close();
  }
});
