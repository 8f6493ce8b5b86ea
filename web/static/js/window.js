// A name for this window that outlives a reload, so that its page can take over the viewing it had before. It is handed
// over at the last moment and taken back at once: a copy of the window finds nothing and has a name of its own.

const KEY = "ecluse-window";

function kept() {
  try {
    const name = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return name;
  } catch {
    return null; // storage is forbidden here: a reload is then another window
  }
}

/** This window's name: letters, digits, hyphens. */
export const windowName = kept() ?? crypto.randomUUID();

addEventListener("pagehide", () => {
  try {
    sessionStorage.setItem(KEY, windowName);
  } catch {
    // as above
  }
});
addEventListener("pageshow", (event) => event.persisted && kept());
