// "Toujours nécessaire ?": the page asks with words, title and sound, and answers without leaving the images.

import { chime } from "./sound.js";
import { announce, text } from "./texts.js";

const place = document.getElementById("question-place");
const title = document.title;
/** Which question has been asked aloud. */
let told = null;

function show() {
  const question = document.getElementById("question");
  if (!question) {
    document.title = title;
    told = null;
    return;
  }
  document.title = `⚠ ${question.dataset.title} – ${title}`;
  if (told === question.dataset.answerBy) return;
  told = question.dataset.answerBy;
  chime(false);
  announce(`${question.dataset.title} ${question.querySelector("#question-text").textContent}`);
  document.getElementById("question-yes").focus({ preventScroll: true });
}

/**
 * Takes over what the server asks now.
 * @param {Document | Element} page the page as just fetched
 */
export function takeQuestion(page) {
  const next = page.querySelector("#question-place");
  if (!place || !next) return;
  const before = document.getElementById("question")?.dataset.answerBy;
  if (before !== next.querySelector("#question")?.dataset.answerBy) place.replaceChildren(...document.importNode(next, true).childNodes);
  show();
}

place?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  form.parentElement.querySelector(".fault")?.remove();
  let problem = null;
  try {
    const csrf = document.querySelector("meta[name=csrf-token]").content;
    const response = await fetch(form.dataset.api, { method: "POST", headers: { "X-CSRF-Token": csrf } });
    if (!response.ok) problem = (await response.json()).code;
  } catch {
    problem = "no-answer";
  }
  button.disabled = false;
  if (problem === null || problem === "nothing-asked") {
    place.replaceChildren();
    show();
    return;
  }
  const fault = document.createElement("p");
  fault.className = "fault";
  fault.role = "alert";
  fault.textContent = text(problem === "not-watching" ? "question-not-watching" : "question-failed");
  form.after(fault);
});

show();
