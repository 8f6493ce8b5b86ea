// Words for scripts, drawn by the server in the page's language (`<template id="player-texts">`).

const texts = new Map();
for (const span of document.getElementById("player-texts")?.content.querySelectorAll("[data-key]") ?? []) {
  texts.set(span.dataset.key, span.textContent);
}

/**
 * The text of a key; the key itself when it is missing.
 * @param {string} key
 * @returns {string}
 */
export const text = (key) => texts.get(key) ?? key;

/** The page's language. */
export const language = document.documentElement.lang || "fr";

/**
 * Says something to people who do not see the page.
 * @param {string} words
 */
export function announce(words) {
  const place = document.getElementById("announce");
  if (place) place.textContent = words;
}
