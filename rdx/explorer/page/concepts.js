// The concepts of a direction as cards, and the current one with its grid and measures.

const CARD_IMAGES = 3;
const BARS = 4; // labels with a bar of their own,
const LEAST_BAR = 0.03; // and the share from which they get one

function badge(number) {
  const color = conceptColor(number);
  const element = make("span", { class: "badge" }, String(number));
  element.style.background = css(color);
  element.style.color = textOn(color);
  return element;
}

function fillCards() {
  const { concepts, nullSize } = shown();
  if (!concepts.length) {
    byId("concepts").replaceChildren(
      make(
        "p",
        { class: "empty" },
        make("b", {}, "No concepts. "),
        method().isRdx
          ? `In this direction no group of ${THING[1]} is held together by one model and scattered by the other.`
          : "This method found no group here.",
      ),
    );
    return;
  }
  const groups = labels();
  const cards = concepts.map((one) => {
    const mixture = LABELS
      ? makeUp(membersOf(groups, one.number))
          .slice(0, 2)
          .map(([code, count]) => `${labelName(code)} ${percent(count / one.size)}`)
          .join(", ")
      : "";
    return make(
      "button",
      {
        type: "button",
        class: "card",
        "data-concept": one.number,
        "aria-current": one.number === state.concept ? "true" : null,
        "aria-label": `Concept ${one.number}: ${things(one.size)}${mixture ? `, ${mixture}` : ""}`,
        on: { click: () => change({ concept: one.number }) },
      },
      badge(one.number),
      DATA.thumbnails
        ? make(
            "span",
            { class: "minis" },
            one.grid.slice(0, CARD_IMAGES).map((item) => thumb(item, 34)),
          )
        : null,
      make(
        "span",
        { class: "card-text" },
        make("b", {}, things(one.size)),
        make("span", { class: "quiet" }, mixture || (one.bsr === null ? "" : `BSR ${percent(one.bsr)}`)),
        maybeChance(one) ? make("span", { class: "quiet" }, "could be chance") : null,
      ),
    );
  });
  byId("concepts").replaceChildren(
    ...cards,
    nullSize ? make("p", { class: "quiet rest" }, `${wholeNumber(nullSize)} in no concept`) : "",
  );
}

function markCard() {
  for (const card of document.querySelectorAll(".card")) {
    const current = Number(card.dataset.concept) === state.concept;
    if (current) card.setAttribute("aria-current", "true");
    else card.removeAttribute("aria-current");
    card.style.borderColor = current ? css(conceptColor(state.concept)) : "";
    if (current) showInStrip(card);
  }
}

/** Scrolls the list of concepts only: scrollIntoView would have the Tab key begin here. */
function showInStrip(card) {
  const strip = byId("concepts");
  const [seen, place] = [strip.getBoundingClientRect(), card.getBoundingClientRect()];
  strip.scrollTop += Math.min(0, place.top - seen.top) + Math.max(0, place.bottom - seen.bottom);
}

function fillConcept() {
  const one = concept();
  if (!one) {
    const answer =
      "Zero concepts is an answer: in this direction, whatever one model holds together the other does too. " +
      "Try the other direction, or another method.";
    byId("concept").replaceChildren(
      make("h2", { id: "concept-title" }, "No concept to show"),
      make("p", {}, method().isRdx ? answer : "This method found no group in this direction."),
    );
    return;
  }
  const members = membersOf(labels(), one.number);
  byId("concept").replaceChildren(
    make(
      "div",
      { class: "concept-head" },
      badge(one.number),
      make("h2", { id: "concept-title" }, term(`Concept ${one.number}`, "concept")),
      steps(one),
    ),
    make("p", { id: "concept-words" }, conceptText(one, members)),
    make(
      "div",
      { class: "grid", role: "group", "aria-label": `Grid of concept ${one.number}` },
      one.grid.map((item) => itemButton(item, 112)),
    ),
    LABELS ? labelBars(members) : "",
    measures(one),
  );
}

function steps(one) {
  const { concepts } = shown();
  const at = concepts.indexOf(one);
  const button = (text, name, by) =>
    make(
      "button",
      {
        type: "button",
        "aria-label": `${name} concept`,
        title: `${name} concept`,
        disabled: concepts.length < 2,
        on: { click: () => stepConcept(by) },
      },
      text,
    );
  return make(
    "span",
    { class: "steps" },
    button("‹", "Previous", -1),
    make("span", { class: "quiet" }, `${at + 1} of ${concepts.length}`),
    button("›", "Next", 1),
  );
}

function stepConcept(by) {
  const { concepts } = shown();
  if (!concepts.length) return;
  const at = concepts.findIndex((one) => one.number === state.concept);
  change({ concept: concepts[(at + by + concepts.length) % concepts.length].number });
}

// The label make-up as bars, the commonest first.
function labelBars(members) {
  const counts = makeUp(members);
  const rows = counts
    .slice(0, BARS)
    .filter(([, count], i) => !i || count / members.length >= LEAST_BAR)
    .map(([code, count]) => [labelName(code), count]);
  const others = counts.slice(rows.length);
  const rest = others.reduce((sum, [, count]) => sum + count, 0);
  if (rest) rows.push([others.length === 1 ? labelName(others[0][0]) : `${others.length} others`, rest]);
  return make(
    "table",
    { class: "bars" },
    make("caption", { class: "unseen" }, "Labels of this concept"),
    make(
      "tbody",
      {},
      rows.map(([name, count]) => {
        const bar = make("span", { class: "bar", "aria-hidden": "true" });
        bar.style.width = `${(100 * count) / members.length}%`;
        return make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", { class: "track" }, bar),
          make("td", { class: "number" }, percent(count / members.length)),
        );
      }),
    ),
  );
}

function measures(one) {
  const tested = shown().concepts.some((each) => each.p_value !== null);
  const rows = MEASURES.filter(
    ([name]) => (one[name] !== null && one[name] !== undefined) || ["mean_affinity", "bsr", "p_value"].includes(name),
  );
  return make(
    "dl",
    { class: "measures" },
    rows.map(([name, text, word, format]) => {
      const value = one[name];
      const missing = name === "p_value" && !tested ? "not tested" : "–";
      const given = value === null || value === undefined ? missing : format(value);
      return make(
        "div",
        {},
        make("dt", {}, word === null ? text : term(text, word)),
        make(
          "dd",
          {},
          make(
            value === null || value === undefined ? "span" : "b",
            { class: value === null || value === undefined ? "quiet" : null },
            given,
          ),
          " ",
          make("span", { class: "quiet" }, measureText(name, value, state.direction)),
        ),
      );
    }),
  );
}
