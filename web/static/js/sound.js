// A short sound for news that somebody waits for. Browsers let a page sound only after the person has touched it; until
// then the title and the page say it alone.

let audio = null;
const prepare = () => {
  audio ??= new AudioContext();
};
addEventListener("pointerdown", prepare, { once: true });
addEventListener("keydown", prepare, { once: true });

/**
 * Two notes, rising for good news, falling for the rest.
 * @param {boolean} good
 */
export function chime(good) {
  try {
    prepare();
    const at = audio.currentTime;
    (good ? [660, 880] : [520, 390]).forEach((pitch, index) => {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      const from = at + index * 0.2;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, from);
      volume.gain.exponentialRampToValueAtTime(0.2, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.35);
      tone.connect(volume).connect(audio.destination);
      tone.start(from);
      tone.stop(from + 0.4);
    });
  } catch {
    // No sound on this machine.
  }
}
