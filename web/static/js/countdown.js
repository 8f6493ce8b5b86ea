// Elements with `data-countdown="INSTANT"` count down by the server's clock. At zero they say so with an event `ran-out`.

import { serverNow } from "./clock.js";
import { countdownText } from "./logic.js";

function tick() {
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const until = Date.parse(element.dataset.countdown);
    if (Number.isNaN(until)) continue;
    const left = until - serverNow();
    const text = countdownText(left);
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("soon", left < 5 * 60_000);
    if (left <= 0 && !element.dataset.ranOut) {
      element.dataset.ranOut = "true";
      document.dispatchEvent(new CustomEvent("ecluse:ran-out", { detail: { element } }));
    }
  }
}

/** Starts counting. */
export function startCountdowns() {
  tick();
  setInterval(tick, 500);
  // A region that has just been put in place says at what hour, until it is told how long that is.
  document.addEventListener("ecluse:replaced", tick);
}
