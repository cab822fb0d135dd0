// One item: its nearest items in A, in B and inside its concept, with their ranks in both models.

function fillItem() {
  const panel = byId("item");
  const item = state.item;
  if (item === null) {
    panel.replaceChildren(
      make("h2", { id: "item-title" }, "One item and its neighbours"),
      make(
        "p",
        { class: "quiet" },
        `Click a dot or ${DATA.thumbnails ? "an image" : TEXTS ? "a text" : "a name"} to see what is nearest to it ` +
          "in A, in B, and inside its concept.",
      ),
    );
    return;
  }
  const group = labels()[item];
  const facts = [`${DATA.ids[item]}`];
  if (LABELS) facts.push(`label ${labelOf(item)}`);
  for (const side of DATA.predictions)
    facts.push(`${side.toUpperCase()} predicts ${labelName(array(`prediction.${side}`)[item])}`);
  facts.push(group ? `concept ${nameOfConcept(group)}` : "no concept");
  const affinity = affinityOf(state.method, state.direction);
  if (affinity && group && !Number.isNaN(affinity[item])) facts.push(`mean affinity to its items ${shortNumber(affinity[item])}`);
  panel.replaceChildren(
    make(
      "div",
      { class: "item-head" },
      make("h2", { id: "item-title" }, "One item and its neighbours"),
      make("button", { type: "button", on: { click: () => change({ item: null }) } }, "Close"),
    ),
    make("div", { class: "item-facts" }, hasThumb(item) ? thumb(item, 64) : "", make("p", {}, facts.join(" · "))),
    make(
      "p",
      { class: "quiet" },
      "Below each: its ",
      term("rank", "rank"),
      " from here in A and in B, then the ",
      term("difference", "difference"),
      " and the ",
      term("affinity", "affinity"),
      " of the pair in this direction.",
    ),
    neighborRow(`Nearest in ${title("a")}`, "a", `near.a`, item),
    neighborRow(`Nearest in ${title("b")}`, "b", `near.b`, item),
    group
      ? neighborRow(`Nearest in concept ${nameOfConcept(group)}`, "", `inside.${methodIndex(state.method)}.${state.direction}`, item)
      : make("p", { class: "quiet" }, "It is in no concept, so there are no neighbours inside one."),
  );
}

function neighborRow(heading, side, list, item) {
  const found = neighborsIn(list, item);
  const head = make(
    "h3",
    {},
    side ? make("b", { class: `side ${side}`, "aria-hidden": "true" }, side.toUpperCase()) : "",
    ` ${heading}`,
  );
  if (!found)
    return make("div", { class: "row" }, head, make("p", { class: "quiet" }, "Stored for the images of grids only."));
  const tiles = found.map((neighbor) =>
    itemButton(neighbor.item, 72, rankText(neighbor.ranks), pairText(neighbor.ranks)),
  );
  return make(
    "div",
    { class: "row" },
    head,
    make("div", { class: "neighbors", role: "group", "aria-label": heading }, tiles),
  );
}

function rankText(ranks) {
  const [a, b] = ["a", "b"].map((view) => ranks[view][0]);
  const element = make(
    "span",
    { class: "ranks" },
    make("span", {}, "A ", make("b", {}, wholeNumber(a))),
    make("span", {}, "B ", make("b", {}, wholeNumber(b))),
  );
  element.dataset.say = `rank ${a} in A, ${b} in B`;
  return element;
}

// An affinity in as few characters as fit below a thumbnail.
const tileNumber = (value) =>
  value < 0.1 ? value.toFixed(2) : value < 10 ? String(Number(value.toPrecision(2))) : wholeNumber(value);

function pairText(ranks) {
  const pair = differenceOf(method(), state.direction, ranks, concept());
  if (!pair) return make("span", { class: "pair" });
  const element = make(
    "span",
    { class: "pair" },
    make("span", {}, signed(pair.difference)),
    make("span", {}, tileNumber(pair.affinity)),
  );
  const color = differenceColor(pair.difference);
  element.style.background = css(color);
  element.style.color = textOn(color);
  element.dataset.say = `difference ${signed(pair.difference)}, affinity ${shortNumber(pair.affinity)}`;
  return element;
}
