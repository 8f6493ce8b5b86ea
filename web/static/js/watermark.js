// The visible watermark over a picture (A4-9): who watches, under which ticket, at what time.
//
// What it does: it is drawn anew each second, put back when it is removed or altered, and the picture is hidden while that
// does not succeed. What it does not: nothing in a page can stop somebody who controls the browser itself, or a camera
// held before the screen. The dedicated workstation's kiosk policy is there for the first, the words in the mark for the
// second.

import { parisTime } from "./clock.js";

const STYLE = { position: "absolute", inset: "0", width: "100%", height: "100%", "z-index": "1", "pointer-events": "none", display: "block", visibility: "visible", opacity: "1", filter: "none", transform: "none", "clip-path": "none", "mix-blend-mode": "normal" };
/** One picture's mark. */
export class Watermark {
  /**
   * @param {HTMLElement} picture the element that holds the video
   * @param {string} words agent and ticket
   */
  constructor(picture, words) {
    this.picture = picture;
    this.words = words;
    this.video = picture.querySelector("video");
    this.observer = new MutationObserver(() => this.#restore());
    this.#place();
    this.timer = setInterval(() => this.#tick(), 1000);
    this.resizer = new ResizeObserver(() => this.#draw());
    this.resizer.observe(picture);
  }

  /** Ends it. */
  stop() {
    clearInterval(this.timer);
    this.observer.disconnect();
    this.resizer.disconnect();
    this.canvas.remove();
  }

  #place() {
    this.observer.disconnect();
    this.canvas?.remove();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "watermark";
    this.canvas.setAttribute("aria-hidden", "true");
    for (const [name, value] of Object.entries(STYLE)) this.canvas.style.setProperty(name, value, "important");
    this.picture.append(this.canvas);
    this.#draw();
    this.observer.observe(this.picture, { childList: true });
    this.observer.observe(this.canvas, { attributes: true, attributeFilter: ["style", "class", "hidden"] });
  }

  #intact() {
    const style = getComputedStyle(this.canvas);
    return (
      this.canvas.parentElement === this.picture &&
      this.video.parentElement === this.picture &&
      Object.entries(STYLE).every(([name, value]) => name === "inset" || name === "width" || name === "height" || style.getPropertyValue(name) === value)
    );
  }

  #restore() {
    if (!this.#intact()) this.#place();
  }

  #tick() {
    this.#restore();
    this.#draw();
    const visible = this.#intact() && this.canvas.clientWidth > 0;
    this.video.style.visibility = visible || this.picture.clientWidth === 0 ? "" : "hidden";
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.picture;
    if (width === 0 || height === 0) return;
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const line = `${this.words} · ${parisTime()}`;
    const size = Math.max(10, Math.min(22, width / 34));
    pen.font = `600 ${size}px Inter, sans-serif`;
    pen.textBaseline = "middle";
    pen.lineWidth = Math.max(1, size / 9);
    pen.save();
    pen.translate(width / 2, height / 2);
    pen.rotate(-Math.PI / 9);
    const [stepX, stepY] = [pen.measureText(line).width + size * 3, size * 6.5];
    const reach = Math.hypot(width, height) / 2;
    let row = 0;
    for (let y = -reach; y <= reach; y += stepY, row += 1) {
      for (let x = -reach - (row % 2) * stepX * 0.5; x <= reach; x += stepX) {
        pen.strokeStyle = "rgba(0, 0, 0, 0.16)";
        pen.fillStyle = "rgba(255, 255, 255, 0.2)";
        pen.strokeText(line, x, y);
        pen.fillText(line, x, y);
      }
    }
    pen.restore();
    // Once in full strength, above the tile's bar: cameras write their own name and time along the upper edge.
    // On a small tile it takes two lines, and smaller letters.
    const margin = size * 0.6;
    const fits = (text) => pen.measureText(text).width <= width - 2 * margin;
    const lines = fits(line) ? [line] : [this.words, parisTime()];
    const least = Math.min(1, ...lines.map((text) => (width - 2 * margin) / pen.measureText(text).width));
    const letters = Math.max(7, size * least);
    pen.font = `600 ${letters}px Inter, sans-serif`;
    const foot = height - (this.picture.parentElement?.querySelector(".tile-bar")?.offsetHeight ?? 0) - letters;
    pen.strokeStyle = "rgba(0, 0, 0, 0.75)";
    pen.fillStyle = "rgba(255, 255, 255, 0.92)";
    pen.lineWidth = Math.max(2, letters / 6);
    lines.forEach((text, index) => {
      const y = foot - (lines.length - 1 - index) * letters * 1.25;
      pen.strokeText(text, margin, y);
      pen.fillText(text, margin, y);
    });
  }
}
