// The browser's own ears and voice, where it has them.

import { toast } from "./toast.js";

const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;

/** Whether this browser can listen at all. */
export const canListen = Boolean(Recognition);

/** Listen for one utterance; gives its words, or nothing if none were understood. */
export function listen(locale) {
  return new Promise((done) => {
    const ear = new Recognition();
    ear.lang = locale;
    let heard = "";
    ear.addEventListener("result", (event) => (heard = event.results[0][0].transcript));
    ear.addEventListener("error", (event) => {
      if (event.error === "not-allowed") toast("The browser may not use the microphone here. You can type instead.");
      else if (event.error !== "no-speech" && event.error !== "aborted") toast("The browser's speech recognition does not answer. You can type instead.");
    });
    ear.addEventListener("end", () => done(heard));
    ear.start();
  });
}

/** Say something aloud; what is still being said is cut off. */
export function speak(words, locale) {
  const voice = globalThis.speechSynthesis;
  if (!voice) return;
  voice.cancel();
  if (!words) return;
  const said = new SpeechSynthesisUtterance(words);
  said.lang = locale;
  voice.speak(said);
}
