// Puts the page together, and fills again what a change concerns.

const directionText = (direction) => {
  const own = OWN[direction];
  return [`Closer in ${letter(own)}`, `Groups that lie closer together in ${called(own)} than in ${called(OTHER[own])}`];
};
const KIND_TEXTS = {
  tsne: ["t-SNE", "Neighbourhoods, both models at once: what moves is what they disagree on"],
  umap: ["UMAP", "Neighbourhoods, both models at once: what moves is what they disagree on"],
  pca: ["PCA", "A flat view along the two widest directions"],
};

const press = {};

function buildControls() {
  press.direction = fillSegments(
    byId("directions"),
    DIRECTIONS.map((one) => [one, ...directionText(one)]),
    (direction) => goTo(direction),
  );
  press.kind = fillSegments(
    byId("kinds"),
    KINDS.map((kind) => [kind, ...KIND_TEXTS[kind]]),
    (kind) => change({ kind }),
  );
  press.layout = fillSegments(
    byId("layouts"),
    [
      ["pair", "Side by side", "A and B beside each other"],
      ["passage", "A → B", "One map that passes from A to B"],
    ],
    (layout) => change({ layout }),
  );
  press.tool = fillSegments(
    byId("tools"),
    [
      ["box", "box", "Select inside a box"],
      ["lasso", "lasso", "Select inside a free line (also: shift)"],
      ["move", "move", "Move the map"],
    ],
    (chosen) => {
      tool = chosen;
      press.tool(tool);
    },
  );
  press.tool(tool);
  byId("method").replaceChildren(...METHODS.map((name) => make("option", { value: name }, name)));
  byId("method").addEventListener("change", (event) => goToMethod(event.target.value));
  byId("method").parentElement.hidden = METHODS.length < 2;
  byId("color").addEventListener("change", (event) => change({ color: event.target.value }));
  byId("passage-at").addEventListener("input", (event) =>
    change({ at: Number(event.target.value) }, { passing: true }),
  );
  byId("play").addEventListener("click", play);
  byId("zoom-in").addEventListener("click", () => zoomBy(1.4));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
  byId("zoom-all").addEventListener("click", zoomAll);
  byId("png").addEventListener("click", savePicture);
}

function fillControls() {
  press.direction(state.direction);
  press.kind(state.kind);
  press.layout(state.layout);
  byId("method").value = state.method;
  const own = colorKeys(state).filter((key) => !FIELDS.has(key));
  byId("color").replaceChildren(
    ...own.map((key) => make("option", { value: key }, key)),
    ...fieldOptions(["category", "number"]),
  );
  byId("color").value = state.color;
  byId("passage").hidden = state.layout !== "passage";
  byId("passage-at").value = String(state.at);
}

function fillStory() {
  const { kind, care, badge: text, headline } = story();
  const element = byId("verdict");
  element.textContent = text;
  element.classList.toggle("yes", kind === "unrelated" || (kind === "found" && !care));
  element.classList.toggle("care", kind === "found" && care);
  byId("lead").textContent = bound(headline);
}

function testedWith(one) {
  if (!one.draws) return [];
  return [["tested", `${one.story.count} beyond ${wholeNumber(one.draws)} pairs that differ by noise alone`]];
}

function fillAbout() {
  const rows = (pairs) =>
    make(
      "dl",
      { class: "facts" },
      pairs.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
    );
  const parts = [
    rows([
      ...DATA.facts,
      ...(DATA.reason && !DATA.methods.some((one) => one.draws) ? [["tested", DATA.reason]] : []),
    ]),
  ];
  for (const one of DATA.methods) {
    parts.push(make("h3", {}, one.name), rows([...testedWith(one), ...one.settings]));
  }
  if (DATA.sources.length)
    parts.push(make("details", {}, make("summary", {}, "The files and models behind A and B"), rows(DATA.sources)));
  if (DATA.notes.length)
    parts.push(
      make(
        "ul",
        { class: "notes" },
        DATA.notes.map((note) => make("li", {}, note)),
      ),
    );
  byId("about").replaceChildren(...parts);
}

function fillAll() {
  drawn = null;
  fillControls();
  fillStory();
  fillAgreement();
  fillFindings();
  markCards();
  fillConcept();
  fillItem();
  fillLegend();
  fillSelection();
  fillFilter();
  fillTable();
  describeMaps();
  fillMatrix();
  redraw();
}

// Only what a change concerns: a slider must not rebuild the page.
function refresh(changed) {
  const any = (...keys) => keys.some((key) => changed.has(key));
  const subject = any("direction", "method");
  if (any("method")) {
    fillStory();
    fillAgreement();
    fillFindings();
  }
  if (any("direction", "method", "concept", "color", "selected", "kind", "filter")) drawn = null;
  if (subject || any("concept", "selected", "filter", "color")) fillTable();
  if (any("filter")) fillFilter();
  if (any("direction", "method", "color", "kind", "layout", "at")) fillControls();
  if (subject || any("concept")) {
    markCards();
    fillConcept();
    drawMatrix();
  } else if (any("item")) markItem();
  if (subject || any("item", "concept")) fillItem();
  if (subject || any("color", "concept")) fillLegend();
  if (subject || any("concept", "selected")) fillSelection();
  if (subject || any("concept", "item", "kind")) describeMaps();
  if (subject) fillMatrix();
  redraw();
}

function markItem() {
  for (const tile of document.querySelectorAll(".tile")) {
    if (Number(tile.dataset.item) === state.item) tile.setAttribute("aria-current", "true");
    else tile.removeAttribute("aria-current");
  }
}

buildKeys();
buildControls();
buildMaps();
buildMatrix();
buildSearch();
Object.assign(state, checked({ ...state, ...readLink() }));
buildFilter();
buildTable();
onChange(refresh);
fillAbout();
fillAll();
