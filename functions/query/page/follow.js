/* Poll a message until it is final: often at first, then less often, never in a hidden tab. */

import { announce, h, written } from "./elements.js";

const DELAYS = [1, 2, 5, 10, 20, 30, 60];

/** ``look`` fetches the message, ``draw`` shows a changed one, ``place`` holds the state; ``signal`` ends it. */
export function follow({ message, place, look, draw, signal }) {
  const note = h("span", { class: "pulse" });
  const button = h("button", { type: "button", click: () => pressed() });
  let seen = JSON.stringify(message), final = message.final, paused = false, busy = false, step = 0, timer = 0, looked = "";
  place.replaceChildren(note, button);

  function show(state, text, action) {
    place.dataset.state = state;
    note.textContent = text;
    button.textContent = action;
    button.hidden = !action;
  }

  function plan(trouble = "", wait = 0) {
    clearTimeout(timer);
    if (signal.aborted) return;
    if (paused) return show("still", "Not followed.", "Follow live");
    if (final) return show("still", `Final: nothing more is expected, though a late report may still correct it.${looked}`, "Look again");
    if (document.hidden) return show("still", "Paused while this tab is hidden.", "");
    const seconds = Math.max(DELAYS[Math.min(step, DELAYS.length - 1)], wait);
    show("live", `${trouble || "Followed live:"} looks again every ${seconds} s.`, "Pause");
    timer = setTimeout(again, seconds * 1000);
  }

  async function again() {
    if (busy) return;
    busy = true;
    try {
      changed(await look());
      looked = ` Looked at ${written(new Date())}.`;
      plan();
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  }

  function changed(fresh) {
    const text = JSON.stringify(fresh);
    step = text === seen ? step + 1 : 0;
    if (text === seen) return;
    if (fresh.status !== message.status) announce(`Status: ${fresh.status}.${fresh.final ? " Final." : ""}`);
    [seen, message, final] = [text, fresh, fresh.final];
    draw(fresh);
  }

  function failed(error) {
    if (signal.aborted) return;
    if (error.passing) {
      step += 1;
      return plan(error.title, error.wait);
    }
    show("still", `Not followed any more. ${error.title ?? "The page has a fault."} ${error.advice ?? ""}`, "Look again");
    announce(note.textContent);
  }

  function pressed() {
    if (!final && !paused && place.dataset.state === "live") paused = true;
    else [paused, step] = [false, 0];
    return paused ? plan() : again();
  }

  const seenAgain = () => { step = 0; return document.hidden || paused || final ? plan() : again(); };
  document.addEventListener("visibilitychange", seenAgain, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  plan();
}
