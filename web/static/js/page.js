// On every page.

import { startCountdowns } from "./countdown.js";
import "./forms.js";
import { refresh, startLive } from "./live.js";
import { chime } from "./sound.js";
import "./window.js";

startCountdowns();
startLive();
document.addEventListener("ecluse:ran-out", () => refresh());

// A new request on a list or the home page: somebody may be waiting for it.
document.addEventListener("ecluse:told", ({ detail }) => {
  const list = document.getElementById("live-tickets") ?? document.getElementById("live-home");
  if (list && detail.type === "ticket-changed" && detail.status === "requested") chime(true);
});

// A guard's alert: heard on every page but the images, which go on undisturbed.
document.addEventListener("ecluse:told", ({ detail }) => {
  if (detail.type === "alert-changed" && detail.open && !document.getElementById("watch")) chime(false);
});
