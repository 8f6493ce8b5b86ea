// A ticket's page: says aloud, in the title and with a sound when something was decided.

import { chime } from "./sound.js";
import { announce } from "./texts.js";

const page = document.getElementById("ticket");

document.addEventListener("ecluse:replaced", ({ target, detail }) => {
  if (target.id !== "live-ticket" || detail.before.state === target.dataset.state) return;
  const label = target.dataset.label;
  const rest = document.title.replace(/^[^–]*– /, "");
  document.title = `${label} – ${rest}`;
  announce(`${page.dataset.said} ${label}`);
  chime(target.dataset.state === "open");
  // What a dialog asked about may be over.
  if (target.dataset.state !== "open") for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
});
