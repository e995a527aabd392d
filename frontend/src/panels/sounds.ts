/** Tones made by the browser itself: a few sine waves each, no files. */

import type { PageSounds } from "../link/types.ts";

export type SoundTone = NonNullable<PageSounds["fill"]>;

/** Each tone as its notes: frequency in Hz, begin and length in seconds. */
const NOTES: Record<SoundTone, readonly (readonly [hz: number, at: number, seconds: number])[]> = {
  none: [],
  chime: [
    [880, 0, 0.18],
    [1_318.5, 0.09, 0.28],
  ],
  ping: [[1_760, 0, 0.16]],
  knock: [
    [196, 0, 0.12],
    [147, 0.13, 0.18],
  ],
  rise: [
    [523.3, 0, 0.14],
    [659.3, 0.13, 0.14],
    [784, 0.26, 0.3],
  ],
};
const LOUDEST = 0.25;

let context: AudioContext | null = null;

/** Play a tone; `volume` from 0 to 100. A browser that lets no page sound yet stays silent. */
export async function play(tone: SoundTone, volume: number): Promise<void> {
  const notes = NOTES[tone];
  if (!notes.length || volume <= 0) return;
  context ??= new AudioContext();
  if (context.state === "suspended") {
    // Until somebody has pressed something the browser does not answer: then it is too late.
    const isAwake = await Promise.race([context.resume().then(() => true), later(500)]);
    if (!isAwake) return;
  }
  const start = context.currentTime + 0.02;
  for (const [hz, at, seconds] of notes) {
    const [wave, gain] = [context.createOscillator(), context.createGain()];
    wave.frequency.value = hz;
    gain.gain.setValueAtTime(0, start + at);
    gain.gain.linearRampToValueAtTime((LOUDEST * volume) / 100, start + at + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + at + seconds);
    wave.connect(gain).connect(context.destination);
    wave.start(start + at);
    wave.stop(start + at + seconds + 0.02);
  }
}

function later(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
}
