// A real Chromium, and what can be learnt in it about the pictures: what was negotiated, what arrives, what is seen.

import { chromium } from "playwright-core";

/** Debian's Chromium; it must decode H.264 itself, which Playwright's own downloads do not. */
export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      // Root has no sandbox in Chromium; elsewhere it stays on.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage",
    ],
  });
}

/** What the page itself complains of: errors on the console, exceptions, CSP violations. */
export function complaints(page) {
  const found = [];
  page.on("console", (message) => { if (message.type() === "error") found.push(`console: ${message.text()} ${message.location().url}`); });
  page.on("pageerror", (error) => found.push(`exception: ${error.message}`));
  return found;
}

/** A window of its own: cookies, language, and every peer connection kept for questions in `window.peers`. */
export async function openWindow(browser, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "fr-FR", timezoneId: "Europe/Paris", viewport: { width: 1280, height: 800 }, ...options });
  await context.addInitScript(() => {
    const Original = window.RTCPeerConnection;
    window.peers = [];
    window.RTCPeerConnection = class extends Original {
      constructor(...settings) {
        super(...settings);
        window.peers.push(this);
      }
    };
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return context;
}

/** Of every peer connection that is not closed: transports and inbound video streams, from the browser's own books. */
export function traffic(page) {
  return page.evaluate(async () => {
    const transports = [];
    const videos = [];
    for (const peer of window.peers) {
      for (const report of (await peer.getStats()).values()) {
        if (report.type === "transport") transports.push({ srtp: report.srtpCipher, dtls: report.dtlsCipher, tls: report.tlsVersion, state: report.dtlsState });
        if (report.type === "inbound-rtp" && report.kind === "video") {
          videos.push({ packets: report.packetsReceived, frames: report.framesDecoded ?? 0, at: report.lastPacketReceivedTimestamp ?? 0, width: report.frameWidth });
        }
      }
    }
    return { transports, videos };
  });
}

/**
 * Looks at every playing <video>: `contrast` is the luminance's standard deviation (a black or grey picture has none),
 * `movement` the greatest mean difference between two looks, half a second apart, over `looks` looks.
 */
export function pictures(page, looks = 6) {
  return page.evaluate(async (looks) => {
    const canvas = new OffscreenCanvas(160, 90);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const luminance = (video) => {
      pen.drawImage(video, 0, 0, 160, 90);
      const { data } = pen.getImageData(0, 0, 160, 90);
      const found = new Float32Array(160 * 90);
      for (let i = 0; i < found.length; i += 1) found[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
      return found;
    };
    const videos = [...document.querySelectorAll("video")].filter((video) => video.videoWidth > 0);
    const result = videos.map((video) => ({ width: video.videoWidth, height: video.videoHeight, contrast: 0, movement: 0 }));
    const before = videos.map(luminance);
    for (let look = 0; look < looks; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      videos.forEach((video, index) => {
        const now = luminance(video);
        const mean = now.reduce((sum, value) => sum + value, 0) / now.length;
        const contrast = Math.sqrt(now.reduce((sum, value) => sum + (value - mean) ** 2, 0) / now.length);
        const movement = now.reduce((sum, value, at) => sum + Math.abs(value - before[index][at]), 0) / now.length;
        result[index].contrast = contrast;
        result[index].movement = Math.max(result[index].movement, movement);
        before[index] = now;
      });
    }
    return result;
  }, looks);
}
