// The colours' legend, and what is selected: how many, of what, some of them, and a way to take them along.

const LEGEND_MOST = 12;
const STRIP_MOST = 24;

function chip(color, mark) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.3 -1.3 2.6 2.6");
  svg.setAttribute("class", "chip");
  svg.setAttribute("aria-hidden", "true");
  const shapes = [
    ["circle", { r: 1 }],
    ["rect", { x: -0.86, y: -0.86, width: 1.72, height: 1.72 }],
    ["polygon", { points: "0,-1.2 1.2,0 0,1.2 -1.2,0" }],
    ["polygon", { points: "0,-1 1.08,0.75 -1.08,0.75" }],
    ["polygon", { points: "0,1 1.08,-0.75 -1.08,-0.75" }],
  ];
  const shape = document.createElementNS("http://www.w3.org/2000/svg", shapes[mark][0]);
  for (const [name, value] of Object.entries(shapes[mark][1])) shape.setAttribute(name, value);
  shape.setAttribute("fill", css(color));
  svg.append(shape);
  return svg;
}

// The entries of the legend for the current colours: [{color, mark, text, items?}].
function legendEntries() {
  if (state.color === "concept") {
    const entries = shown()
      .concepts.filter(inColor)
      .map((one) => ({
        color: hue(one.color),
        mark: markOf(one.color),
        text: `concept ${nameOfConcept(one.number)}`,
      }));
    return [...entries, { color: nullColor(), mark: 0, text: "no concept" }];
  }
  if (state.color === "affinity") {
    const { low, high } = affinityScale();
    return [0, 0.25, 0.5, 0.75, 1].map((share) => ({
      color: rampColor(share),
      mark: 0,
      text: shortNumber(Math.exp(low + share * (high - low))),
    }));
  }
  const field = FIELDS.get(state.color);
  if (field.kind === "number") {
    const { low, high } = numberScale(state.color);
    return [0, 0.25, 0.5, 0.75, 1].map((share) => ({
      color: rampColor(share),
      mark: 0,
      text: shortNumber(low + share * (high - low)),
    }));
  }
  const { classes, looks } = coloring();
  const counts = new Map();
  for (const code of classes) counts.set(code, (counts.get(code) || 0) + 1);
  return [...counts.keys()]
    .sort((x, y) => x - y)
    .map((code) => ({
      ...looks[code],
      text: field.names[code],
      pick: () => Array.from(classes.keys()).filter((i) => classes[i] === code),
    }));
}

function fillLegend() {
  const entries = legendEntries();
  const items = entries.slice(0, LEGEND_MOST).map((entry) => {
    const inner = [chip(entry.color, entry.mark), entry.text];
    if (!entry.pick) return make("li", {}, make("span", { class: "entry" }, inner));
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: "entry",
          title: `Select all with “${entry.text}”`,
          on: { click: () => change({ selected: entry.pick() }) },
        },
        inner,
      ),
    );
  });
  if (entries.length > LEGEND_MOST)
    items.push(make("li", {}, make("span", { class: "entry quiet" }, `and ${entries.length - LEGEND_MOST} more`)));
  byId("legend").replaceChildren(...items);
}

function itemButton(item, side, ...below) {
  return make(
    "button",
    {
      type: "button",
      class: "tile",
      "data-item": item,
      "aria-label": [nameOf(item), ...below.map((e) => e.dataset?.say || "")].filter(Boolean).join("; "),
      "aria-current": state.item === item ? "true" : null,
      on: {
        click: () => change({ item: state.item === item ? null : item }),
        pointermove: (event) => hover(item, event),
        pointerleave: () => hover(-1),
        focus: () => hover(item),
        blur: () => hover(-1),
      },
    },
    thumb(item, side),
    below,
  );
}

function fillSelection() {
  const chosen = state.selected;
  const one = concept();
  const target = chosen.length ? chosen : one ? membersOf(labels(), one.number) : [];
  const what = chosen.length ? `${wholeNumber(chosen.length)} selected` : one ? `concept ${nameOfConcept(one.number)}` : "";
  const download = target.length
    ? make("button", { type: "button", id: "csv", on: { click: () => saveCsv(target) } }, `Save ${what} as CSV`)
    : null;
  if (!chosen.length) {
    byId("selection").replaceChildren(
      make("p", { class: "quiet" }, "Click a dot to see its neighbours. Drag around dots to select them."),
      download || "",
    );
    return;
  }
  const mixture = makeUpText(chosen);
  byId("selection").replaceChildren(
    make(
      "p",
      {},
      make("b", {}, `${things(chosen.length)} selected`),
      mixture ? `: ${mixture}` : "",
      `. ${conceptsText(chosen)}`,
    ),
    download,
    make("button", { type: "button", id: "clear", on: { click: () => change({ selected: [] }) } }, "Drop selection"),
    make(
      "div",
      { class: "strip" },
      chosen.slice(0, STRIP_MOST).map((item) => itemButton(item, 44)),
      chosen.length > STRIP_MOST
        ? make("span", { class: "quiet" }, `and ${wholeNumber(chosen.length - STRIP_MOST)} more`)
        : null,
    ),
  );
}

// How selected items fall on the concepts shown.
function conceptsText(items) {
  const groups = labels();
  const counts = new Map();
  for (const item of items) counts.set(groups[item], (counts.get(groups[item]) || 0) + 1);
  const named = ([number, count]) =>
    `${number ? `Concept ${nameOfConcept(number)}` : "No concept"}: ${wholeNumber(count)}`;
  const parts = [...counts].sort((x, y) => y[1] - x[1]).slice(0, 3);
  return `${parts.map(named).join(" · ")}.`;
}
