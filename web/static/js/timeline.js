// The timeline of recordings: by mouse an instant, or what happened; by keyboard one stop of the Tab key, and arrows.

import { announce, language, text } from "./texts.js";
import { itemAt, periodOf } from "./logic_recordings.js";

const lanes = document.getElementById("lanes");
const words = document.getElementById("line-words");
const clock = new Intl.DateTimeFormat(language, { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "medium" });
const [from, until] = ["from", "until"].map((id) => document.getElementById(id));

/** For `datetime-local`: Paris. */
const local = (ms) => new Date(ms).toLocaleString("sv-SE", { timeZone: "Europe/Paris" }).replace(" ", "T");
/** The server's time: a workstation's clock may be wrong. */
const now = () => Number(lanes.dataset.now) + performance.now();

function fill(begin, end) {
  [from.value, until.value] = [local(begin), local(end)];
  announce(`${text("recordings-chosen")} ${clock.format(begin)} – ${clock.format(end)}`);
}

/**
 * Makes the drawing answer to mouse and keyboard.
 * @param {(at: number) => boolean} move to this instant of the viewing that is open; whether there is one that has it
 */
export function timeline(move) {
  const items = [...lanes.querySelectorAll("[data-item]")].map((element) => ({
    element,
    row: [...lanes.querySelectorAll("[data-row]")].indexOf(element.closest("[data-row]")),
    first: Date.parse(element.dataset.first),
    last: Date.parse(element.dataset.last),
    run: "run" in element.dataset,
  }));
  const of = (element) => items.find((item) => item.element === element?.closest("[data-item]"));

  const choose = (item) => {
    if (move(item.first)) announce(`${text("recordings-moved")} ${clock.format(item.first)}`);
    else fill(...periodOf(item, now()));
  };

  // Without this script nothing on the drawing does anything: it says so itself by being hidden, and the tables speak.
  lanes.removeAttribute("aria-hidden");
  lanes.setAttribute("role", "toolbar");
  lanes.setAttribute("aria-label", lanes.dataset.label);
  for (const row of lanes.querySelectorAll("[data-row]")) {
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", row.dataset.label);
  }
  for (const name of lanes.querySelectorAll(".rec-name")) name.setAttribute("aria-hidden", "true");
  for (const [place, { element }] of items.entries()) {
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", element.querySelector("title").textContent);
    element.setAttribute("tabindex", place === 0 ? "0" : "-1");
  }

  const tell = (item) => { words.textContent = item?.element.getAttribute("aria-label") ?? ""; };
  lanes.addEventListener("focusin", ({ target }) => {
    const item = of(target);
    if (!item) return;
    // Where somebody was last is where the Tab key leads back to.
    for (const { element } of items) element.setAttribute("tabindex", element === item.element ? "0" : "-1");
    tell(item);
  });
  lanes.addEventListener("mouseover", ({ target }) => tell(of(target) ?? of(document.activeElement)));
  lanes.addEventListener("keydown", (event) => {
    const item = of(event.target);
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") choose(item);
    else {
      const next = itemAt(items, items.indexOf(item), event.key);
      if (next === undefined) return;
      items[next].element.focus();
    }
    event.preventDefault();
  });

  lanes.addEventListener("click", (event) => {
    const item = of(event.target);
    if (item && !item.element.matches(".rec-bar")) {
      choose(item);
      return;
    }
    // Of images the instant that was meant, not their beginning; a program that presses a button means none.
    const row = event.target.closest("[data-row]");
    if (!row) return;
    if (item && event.detail === 0) {
      choose(item);
      return;
    }
    const box = row.getBoundingClientRect();
    const at = Number(lanes.dataset.from) + ((event.clientX - box.left) / box.width) * Number(lanes.dataset.width) * 1000;
    if (!move(at)) fill(at, at + 600_000);
  });
}
