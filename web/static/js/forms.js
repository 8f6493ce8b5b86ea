// Forms and dialogs. Everything is one listener on the document, so that regions that were replaced work at once.

function open(button) {
  const dialog = document.getElementById(button.dataset.opens);
  if (!(dialog instanceof HTMLDialogElement)) return;
  const form = dialog.querySelector("form");
  if (button.dataset.action) form.action = button.dataset.action;
  let subject = dialog.querySelector(".subject");
  if (button.dataset.subject) {
    if (!subject) {
      subject = document.createElement("p");
      subject.className = "subject";
      dialog.querySelector("h2").after(subject);
    }
    subject.textContent = button.dataset.subject;
  }
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button) return;
  if (button.dataset.opens) open(button);
  if ("closes" in button.dataset) button.closest("dialog")?.close();
  if (button.dataset.fills) {
    const field = document.getElementById(button.dataset.fills);
    field.value = button.value;
    field.focus();
  }
  if (button.matches(".account")) {
    const form = document.getElementById("login-form");
    form.elements.email.value = button.dataset.email;
    form.elements.password.value = button.dataset.password;
    form.elements.code.value = button.dataset.code;
    form.querySelector("[type=submit]").focus();
  }
  const segments = button.closest("[data-sets]");
  if (segments) {
    const field = document.getElementById(segments.dataset.sets);
    field.value = button.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

document.addEventListener("change", (event) => {
  for (const segments of document.querySelectorAll("[data-sets]")) {
    if (segments.dataset.sets !== event.target.id) continue;
    for (const button of segments.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === event.target.value));
    }
  }
});

// One submission per click: the button shows that something is under way (fault 3).
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  const button = event.submitter ?? form.querySelector("[type=submit]");
  button?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

document.querySelector("[data-focus]")?.focus();
