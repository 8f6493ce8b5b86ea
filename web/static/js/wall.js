// The CSU's wall: one camera enlarged by click or key, and what happened when the images stop.

import { wallKey } from "./logic.js";
import { fetchPage } from "./live.js";
import { Player, showState } from "./player.js";
import { takeQuestion } from "./question.js";
import { announce, text } from "./texts.js";

const root = document.getElementById("player");
if (root) run(root);

function run(root) {
  const player = new Player(root, sync);
  const overlay = document.getElementById("overlay");
  const wall = root.querySelector(".wall");
  const back = document.getElementById("wall-back");
  let serverStopping = false;
  showState(player);

  // Enlarging
  let large = null;
  function enlarge(index) {
    large = index;
    wall.classList.toggle("zoomed", index !== null);
    player.tiles.forEach((tile, number) => {
      tile.element.classList.toggle("large", number === index);
      tile.element.querySelector(".tile-zoom").setAttribute("aria-pressed", String(number === index));
    });
    back.hidden = index === null;
  }
  player.tiles.forEach((tile, index) => {
    tile.element.querySelector(".tile-zoom").addEventListener("click", () => enlarge(large === index ? null : index));
  });
  back.addEventListener("click", () => enlarge(null));
  const screen = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen().catch(() => {}));
  document.getElementById("full-screen").addEventListener("click", screen);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]") || !overlay.hidden) return;
    if (event.key === "f" || event.key === "F") {
      screen();
      return;
    }
    const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length;
    const next = wallKey(event.key, large, player.tiles.length, columns);
    if (next === undefined) return;
    event.preventDefault();
    enlarge(next);
  });

  // What happened
  function say(what, { tone = "waiting", button = null, act = null, words = null } = {}) {
    overlay.dataset.tone = tone;
    overlay.dataset.what = what;
    overlay.querySelector("h2").textContent = text(`${what}-title`);
    overlay.querySelector("p").textContent = [text(`${what}-text`), words && `«\u00a0${words}\u00a0»`].filter(Boolean).join(" ");
    const place = document.getElementById("overlay-button");
    place.hidden = button === null;
    place.textContent = button === null ? "" : text(button);
    place.onclick = act;
    if (overlay.hidden) {
      overlay.hidden = false;
      overlay.focus();
    }
    announce(overlay.querySelector("h2").textContent);
  }
  const clear = () => {
    overlay.hidden = true;
  };
  const restart = () => {
    clear();
    player.start();
  };

  /** Asks the server how things stand and shows it. @returns {Promise<boolean>} whether there was an answer that ends it */
  let asking = null;
  function sync() {
    asking ??= look().finally(() => {
      asking = null;
    });
    return asking;
  }
  async function look() {
    const got = await fetchPage(location.pathname);
    if (!got) return false;
    if (new URL(got.url).pathname === "/login") {
      loggedOut();
      return true;
    }
    const next = got.page.getElementById("watch");
    if (!next) {
      if (got.status < 500) {
        player.stop();
        say("refused", { tone: "bad" });
      }
      return got.status < 500;
    }
    if (!next.querySelector("#player")) {
      player.stop();
      if (document.fullscreenElement) document.exitFullscreen();
      document.querySelector("dialog[open]")?.close();
      document.getElementById("watch").replaceWith(document.importNode(next, true));
      document.title = got.page.title;
      const heading = document.querySelector("#watch h1");
      heading.tabIndex = -1;
      heading.focus();
      announce(heading.textContent);
      return true;
    }
    takeQuestion(next);
    if (next.dataset.cut === "true") {
      const words = next.querySelector("#cut-words")?.content.textContent ?? "";
      player.stop();
      say("cut", { tone: "bad", words, button: "resume", act: restart });
      return true;
    }
    return false;
  }

  function loggedOut() {
    player.stop();
    say("logged-out", { tone: "bad", button: "login", act: () => location.assign(`/login?next=${encodeURIComponent(location.pathname)}`) });
  }

  player.addEventListener("state", ({ detail: { state } }) => {
    root.dataset.state = state;
    if (state === "live") clear();
    if (state === "reconnecting") {
      say(serverStopping ? "stopped" : "lost");
      sync();
    }
  });
  player.addEventListener("stopped", async ({ detail: { reason, problem } }) => {
    if (reason === "weak") say("weak", { tone: "bad", words: problem.detail.trim() });
    else if (reason === "gave-up") say("gave-up", { tone: "bad", button: "retry", act: restart });
    else if (reason === "login") loggedOut();
    else if (reason === "elsewhere") say("elsewhere", { tone: "bad", button: "retry", act: restart });
    else if (!(await sync())) say("refused", { tone: "bad", words: problem?.detail, button: "retry", act: restart });
  });
  player.addEventListener("probe", () => sync());
  document.addEventListener("ecluse:told", ({ detail }) => {
    if (detail.type === "ticket-changed" && detail.ticket === root.dataset.ticket) sync();
    if (detail.type === "resync") sync();
    if (detail.type === "bye" && detail.reason === "stopping") {
      serverStopping = true;
      sync();
    }
    if (detail.type === "session-changed" && detail.state === "ended" && detail.session === player.session) sync();
    if (detail.type === "session-changed" && detail.state === "granted") serverStopping = false;
  });
  document.addEventListener("ecluse:ran-out", () => sync());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && sync());

  if ("hold" in root.dataset) {
    const words = document.getElementById("cut-words")?.content.textContent ?? "";
    say("cut", { tone: "bad", words, button: "resume", act: restart });
  } else {
    player.start();
  }
}
