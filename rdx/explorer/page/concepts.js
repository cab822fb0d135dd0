// The current concept: its grid, what its items share, where they are in the other model, and the evidence.

const BARS = 4; // labels with a bar of their own,
const LEAST_BAR = 0.03; // and the share from which they get one
const SHORT = 16; // characters of a label that has room on one line

function fillConcept() {
  const one = concept();
  if (!one) {
    byId("concept").replaceChildren(
      make("h2", { id: "concept-title" }, "No concept is shown"),
      make("p", {}, noConceptText()),
    );
    byId("looks").hidden = true;
    return;
  }
  const members = membersOf(labels(), one.number);
  const [first, ...more] = conceptTexts(one, members);
  byId("concept").replaceChildren(
    make(
      "div",
      { class: "concept-head" },
      badge(one.number),
      make("h2", { id: "concept-title" }, term(`Concept ${nameOfConcept(one.number)}`, "concept")),
      standingWord(one),
      steps(one),
    ),
    make(
      "div",
      { id: "concept-words" },
      make("p", {}, `${things(one.size)}. `, inBold(one, first)),
      more.map((text) => make("p", {}, text)),
    ),
    make(
      "div",
      { class: "grid", role: "group", "aria-label": `Grid of concept ${nameOfConcept(one.number)}` },
      one.grid.map((item) => itemButton(item, 112)),
    ),
    LABELS ? labelBars(members) : "",
    meanFigures(members),
    make("details", { id: "numbers" }, make("summary", {}, "The numbers behind it"), measures(one)),
  );
  const divided = halvesOf(one);
  byId("looks").replaceChildren(divided);
  byId("looks").hidden = !divided;
}

function noConceptText() {
  const here = shown().concepts;
  if (here.some((one) => !isChance(one))) return "Choose one above.";
  const more = here.length ? " What may be chance can be unfolded above." : "";
  return nothingIn(state.direction) + more;
}

function steps(one) {
  const concepts = walk();
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

// The concepts that n and p go through: those that stand out, or, once there, those that may be chance.
function walk() {
  const current = concept();
  const chance = Boolean(current) && isChance(current);
  return shown().concepts.filter((one) => isChance(one) === chance);
}

function stepConcept(by) {
  const concepts = walk();
  if (!concepts.length) return say(nothingIn(state.direction));
  const at = concepts.findIndex((one) => one.number === state.concept);
  return change({ concept: concepts[at < 0 ? 0 : (at + by + concepts.length) % concepts.length].number });
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
    { class: rows.some(([name]) => name.length > SHORT) ? "bars long" : "bars" },
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
  const rows = MEASURES.filter(
    ([name]) => (one[name] !== null && one[name] !== undefined) || ["mean_affinity", "bsr", "p_value"].includes(name),
  );
  const typical = make("div", {}, make("dt", {}, term("Rank in the grid", "rank")), make("dd", {}, typicalText(one)));
  return make(
    "dl",
    { class: "measures" },
    typical,
    rows.map(([name, text, word, format]) => {
      const value = one[name];
      const missing = name === "p_value" && one.standing === "untested" ? "not tested" : "–";
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
          make("span", { class: "quiet" }, measureText(name, value, state.direction, one.further)),
        ),
      );
    }),
  );
}
