// The decider's page: the live images above the decision (A4-2).

import { Player, showState } from "./player.js";
import { announce, text } from "./texts.js";

const root = document.getElementById("player");
if (root) {
  const player = new Player(root);
  showState(player);
  const place = root.querySelector("[data-player-state]");
  const says = { weak: "weak-text", elsewhere: "elsewhere-text", login: "logged-out-text", "gave-up": "gave-up-text", refused: "refused-text", ended: "ended-text" };

  player.addEventListener("stopped", ({ detail: { reason } }) => {
    place.textContent = text(says[reason]);
    announce(place.textContent);
    if (reason === "elsewhere" || reason === "gave-up" || reason === "refused") {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.textContent = text("retry");
      button.addEventListener("click", () => {
        button.remove();
        player.start();
      });
      place.after(button);
    }
  });

  // A tile can be enlarged by a tap, also on a phone.
  const wall = root.querySelector(".wall");
  for (const tile of player.tiles) {
    const button = tile.element.querySelector(".tile-zoom");
    button.addEventListener("click", () => {
      const large = tile.element.classList.toggle("large");
      for (const other of player.tiles) {
        if (other !== tile) other.element.classList.remove("large");
        other.element.querySelector(".tile-zoom").setAttribute("aria-pressed", String(other === tile && large));
      }
      wall.classList.toggle("zoomed", large);
    });
  }

  // Nothing to look at any more: the images stop, the page stays.
  document.addEventListener("ecluse:replaced", ({ target }) => {
    if (target.id === "live-ticket" && target.dataset.preview === "0") {
      player.stop();
      root.closest(".preview").hidden = true;
    }
  });
  player.start();
}
