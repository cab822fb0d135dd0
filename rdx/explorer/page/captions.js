// Captions, notes and what a screen reader says of the maps.
function describeMaps() {
  const own = OWN[state.direction];
  const one = concept();
  const kind = KIND_TEXTS[state.kind][0] + (state.kind === "pca" ? "" : " of both models");
  const what = one ? `concept ${nameOfConcept(one.number)}, ${things(one.size)}` : "no concept";
  for (const panel of panels.values()) {
    if (panel.side === "passage") {
      panel.caption.replaceChildren(
        make("span", {}, "From "),
        make("b", { class: "side a" }, "A"),
        make("span", {}, " to "),
        make("b", { class: "side b" }, "B"),
      );
      panel.note.textContent = "Dots that travel are what the models disagree on.";
      panel.overlay.setAttribute("aria-label", `Map that passes from A to B, ${kind}; ${what}.`);
      continue;
    }
    const holds = panel.side === own;
    panel.caption.replaceChildren(
      make("b", { class: `side ${panel.side}` }, panel.side.toUpperCase()),
      make("span", {}, ` ${title(panel.side)}`),
    );
    panel.note.textContent = mapNote(one, holds, panel.side);
    panel.overlay.setAttribute(
      "aria-label",
      `Map of ${panel.side.toUpperCase()}, ${title(panel.side)}, ${kind}. Marked: ${what}. ${panel.note.textContent}`,
    );
  }
}

// How the concept lies on this very map, as it was measured there.
function mapNote(one, holds, side) {
  if (state.item !== null)
    return side === "a" ? "Solid lines: its nearest items in A." : "Dashed lines: its nearest items in B.";
  if (!one) return "";
  const [word, pieces] = one.lies[state.kind][side];
  const words = {
    together: "lies together on this map",
    several: `lies in ${pieces} groups on this map`,
    among: "lies among others on this map",
    spread: "does not show as one group on this map",
  }[word];
  const flat = holds && word !== "together" && one.where;
  const more = flat
    ? `; in ${letter(side)} itself, of which the map is a flattened view, ${percent(one.where[side].inside)} of the nearest to one of it are its own`
    : "";
  return `Concept ${nameOfConcept(one.number)} ${words}${more}.`;
}
