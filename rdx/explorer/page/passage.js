// The passage from A to B: what moves is what the models disagree on.

const PLAY_SECONDS = 1.6;
let playing = null;

// Plays the passage to the end it is not at; again to go back.
function play() {
  if (playing) {
    cancelAnimationFrame(playing);
    playing = null;
    change({ at: state.at }, { passing: true });
    byId("play").textContent = "Play";
    return;
  }
  change({ layout: "passage" });
  const from = state.at;
  const to = from < 0.5 ? 1 : 0;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    change({ at: to }, { passing: true });
    return;
  }
  const start = performance.now();
  byId("play").textContent = "Pause";
  const frame = (now) => {
    const share = clamp((now - start) / 1000 / PLAY_SECONDS, 0, 1);
    state.at = from + (to - from) * share; // the link is written once, at the end
    byId("passage-at").value = String(state.at);
    redraw();
    if (share < 1) playing = requestAnimationFrame(frame);
    else {
      playing = null;
      byId("play").textContent = "Play";
      writeLink(true);
    }
  };
  playing = requestAnimationFrame(frame);
}
