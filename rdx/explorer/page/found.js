// What was found, both directions side by side: a row of images for each concept that stands out, the strongest first.
// What may be chance is folded away below.

const CARD_IMAGES = TEXTS ? { row: 4, small: 1 } : { row: 9, small: 3 };
const FULL_FACES = 2; // of one model, in a finding of both, are shown in full whatever the other has
const STANDING = {
  out: "stands out",
  chance: "may be chance",
  untested: "not tested",
};

const story = () => method().story;
const isChance = (one) => one.standing === "chance";
// A concept is called by the model that holds it together: A1, B2.
const nameOfConcept = (number, direction = state.direction) => `${letter(OWN[direction])}${number}`;
const conceptAt = ([direction, number]) =>
  method().directions[direction].concepts.find((one) => one.number === number);

function badge(number, direction = state.direction) {
  const color = conceptColor(number, direction);
  const element = make("span", { class: "badge" }, nameOfConcept(number, direction));
  element.style.background = css(color);
  element.style.color = textOn(color);
  return element;
}

const facesIn = (finding, direction) => finding.faces.filter(([where]) => where === direction);
const sidesOf = (finding) => DIRECTIONS.filter((direction) => facesIn(finding, direction).length).map((one) => OWN[one]);

function fillFindings() {
  const { findings } = method();
  const some = findings.filter((one) => !one.minor);
  const main = some.length ? some : findings;
  const minor = findings.filter((one) => !main.includes(one));
  const sides = new Set(main.flatMap(sidesOf));
  const order = sides.size > 1 ? "In each column the largest difference comes first." : "The largest difference comes first.";
  const lead = [(THUMBS || TEXTS) && DATA.pictures, main.length > 1 && story().kind === "found" && order];
  const told = lead.filter(Boolean).join(" ");
  const whose = findings.length && told ? make("p", { class: "whose quiet" }, bound(told)) : "";
  byId("concepts").replaceChildren(
    whose,
    ...(sides.size > 1 ? besideEachOther(main) : ["a", "b"].flatMap((side) => ofOneSide(side, main))),
    ...DIRECTIONS.filter((direction) => !findings.some((one) => facesIn(one, direction).length)).map((direction) =>
      make("p", { class: "empty quiet" }, nothingIn(direction)),
    ),
    minor.length ? minorFindings(minor) : "",
    chanceFold(),
  );
}

function sideHead(side) {
  const words = method().isRdx ? `closer together here than in ${letter(OTHER[side])}` : "groups of this model";
  return make(
    "h2",
    { class: side },
    make("b", { class: `side ${side}` }, letter(side)),
    ` ${title(side)}`,
    make("span", { class: "quiet" }, ` ${words}`),
  );
}

// Both models' findings in two columns. What one has more of than the other follows below, over both: none is empty, and
// none has what is the other's.
function besideEachOther(main) {
  const alone = (side) => main.filter((one) => sidesOf(one).join() === side);
  const rows = Math.min(alone("a").length, alone("b").length);
  const [beside, rest] = [[], []];
  for (const one of main) {
    const [side, both] = sidesOf(one);
    const fits = both || alone(side).indexOf(one) < rows;
    // What stands beside another one must not pass for its other side.
    if (fits) beside.push(findingBlock(one, both ? "" : `A finding of ${letter(side)} alone`));
    else rest.push(findingBlock(one));
  }
  const first = sidesOf(main[0])[0]; // where there is one column, the strongest comes first
  const blocks = [make("div", { class: `found-grid first-${first}` }, sideHead("a"), sideHead("b"), beside)];
  if (rest.length) {
    const side = alone("a").length > rows ? "a" : "b";
    const more = ` ${rest.length > 1 ? "more findings" : "one more finding"} of ${letter(side)} alone`;
    blocks.push(make("h2", { class: "more" }, make("b", { class: `side ${side}` }, letter(side)), more));
    rest.forEach((one) => one.classList.add("wide"));
    blocks.push(make("div", { class: "found-grid only" }, rest));
  }
  return blocks;
}

// Of two findings beside each other, the words over one leave room over the other: their images begin at one height.
function level(...blocks) {
  const words = blocks.map((one) => one.querySelector(".finding-words"));
  if (Boolean(words[0]) === Boolean(words[1])) return;
  const room = (words[0] ?? words[1]).cloneNode(true);
  room.setAttribute("aria-hidden", "true");
  room.classList.add("room");
  blocks[words[0] ? 1 : 0].prepend(room);
}

// Where all that is found is of one model, its findings have both columns.
function ofOneSide(side, main) {
  const blocks = main.filter((one) => sidesOf(one).join() === side).map((one) => findingBlock(one));
  return blocks.length ? [sideHead(side), inColumns(blocks)] : [];
}

// Blocks of one model in both columns; the last, where none is left to stand beside it, has both.
function inColumns(blocks) {
  if (blocks.length % 2) blocks[blocks.length - 1].classList.add("wide");
  for (let i = 0; i + 1 < blocks.length; i += 2) level(blocks[i], blocks[i + 1]);
  return make("div", { class: "found-grid only" }, blocks);
}

// What is small or unsure may follow from what is shown above: folded away.
function minorFindings(minor) {
  return make(
    "details",
    { id: "minor", class: "folded" },
    make("summary", {}, `small or unsure (${minor.length})`),
    make("div", { class: "small-cards" }, minor.flatMap((one) => one.faces.map((face) => card(face, "small")))),
  );
}

// What is said of a direction of which nothing is shown, wherever it is.
function nothingIn(direction) {
  const [own, other] = [OWN[direction], OTHER[OWN[direction]]].map(letter);
  const what = method().isRdx ? ` that lies closer together in ${own} than in ${other}` : ` of ${own}`;
  return method().directions[direction].concepts.length ? `No group${what} stands out.` : `No group${what} was found.`;
}

// One finding: in the column of its model, or over both where it has faces in both. ``single``: said where nothing else
// is over a single group.
function findingBlock(finding, single = "") {
  const sides = sidesOf(finding);
  const count = finding.faces.length;
  const inBoth = `One finding, ${count > 2 ? "with groups in both models" : "with a group in each model"}: the same difference from either side`;
  const seen = count < 2 ? single : sides.length > 1 ? inBoth : `One finding, as ${count} groups`;
  const told = finding.table && method().findings.length > 1 ? finding.sentence : seen; // of one, the headline says it
  const all = DIRECTIONS.map((direction) => facesIn(finding, direction));
  const most = sides.length > 1 ? Math.max(FULL_FACES, Math.min(...all.map((here) => here.length))) : count;
  const faces = all.map((here) => here.slice(0, most));
  const table = finding.table ? labelTable(finding.table) : "";
  const short = faces[0].length < faces[1].length ? 0 : 1; // of two columns, has room for the table
  const apart = sides.length > 1 && faces[0].length !== faces[1].length;
  const column = (here, at) =>
    make(
      "div",
      { class: apart && at === short && !table ? "roomy" : null },
      here.map((face) => card(face, "row")),
      apart && at === short ? table : "",
    );
  return make(
    "div",
    { class: `finding ${sides.length > 1 ? "both" : sides[0]}` },
    told ? make("p", { class: "finding-words" }, bound(told)) : null,
    make("div", { class: "faces" }, faces.filter((here) => here.length).map(column)),
    apart ? "" : table,
    all.map((here) => moreFaces(here.slice(most))),
  );
}

// What one model has many of beside a few of the other's is shown small below both columns.
function moreFaces(here) {
  if (!here.length) return null;
  const groups = here.length > 1 ? `${here.length} more groups` : "One more group";
  return make(
    "div",
    { class: "more-faces" },
    make("p", { class: "quiet" }, `${groups} of this finding, closer together in ${letter(OWN[here[0][0]])}:`),
    make("div", { class: "small-cards" }, here.map((face) => card(face, "small"))),
  );
}

function card([direction, number], kind) {
  const one = conceptAt([direction, number]);
  const name = nameOfConcept(number, direction);
  const images = one.grid.slice(0, CARD_IMAGES[kind]);
  const members = membersOf(conceptsOf(state.method, direction), number);
  const [said, ...more] = conceptTexts(one, members, direction);
  return make(
    "button",
    {
      type: "button",
      class: `card ${kind}`,
      "data-direction": direction,
      "data-concept": number,
      "aria-label": `Concept ${name}, ${things(one.size)}, ${STANDING[one.standing]}, ${said}`,
      on: { click: () => change({ direction, concept: number }) },
    },
    make(
      "span",
      { class: "card-head" },
      badge(number, direction),
      make("b", {}, things(one.size)),
      make("span", { class: "quiet" }, `${percent(one.size / N)} of all`),
      standingWord(one),
      one.cautions.map((text) => make("span", { class: "caution" }, text)),
    ),
    make(
      "span",
      { class: "minis" },
      images.map((item) => thumb(item, TEXTS ? TEXT_LEAST : kind === "row" ? 112 : 48)),
    ),
    kind === "row" ? turnedPairs(one) : null,
    make("span", { class: "card-text" }, isChance(one) ? makeUpText(members, 2) : inBold(one, said)),
    kind === "row" ? more.map((text) => make("span", { class: "card-text" }, text)) : null,
  );
}

// Images of the group beside what they look like turned over.
function turnedPairs(one) {
  const pairs = one.turned ? one.turned.items.filter((pair) => pair.every(hasImage)) : [];
  if (!pairs.length) return null;
  return make(
    "span",
    { class: "turned" },
    make("span", { class: "quiet" }, `${one.turned.words}:`),
    pairs.map((pair) => make("span", { class: "pair-of-two" }, pair.map((item) => thumb(item, 56)))),
  );
}

// Of what stands out the headline says so, once for all: here, with a reference, whether it is more than that shows.
function standingWord(one) {
  const beyond = one.beyond === null ? "" : one.beyond ? "more than the reference" : "no more than the reference";
  const said = one.standing === "out" ? beyond : STANDING[one.standing];
  return said && make("span", { class: `standing ${one.standing}` }, said);
}

function chanceFold() {
  const faces = DIRECTIONS.flatMap((direction) =>
    method()
      .directions[direction].concepts.filter(isChance)
      .map((one) => [direction, one.number]),
  );
  if (!faces.length) return "";
  return make(
    "details",
    { id: "chance", class: "folded" },
    make("summary", {}, `may be chance (${faces.length})`),
    make(
      "p",
      { class: "quiet" },
      "Groups as strong as these come about, too, where as much changes but evenly. They are no findings.",
    ),
    make(
      "div",
      { class: "small-cards" },
      faces.map((face) => card(face, "small")),
    ),
  );
}

// How near the labels of a finding are to each other: the typical rank of one as seen from the other.
function labelTable({ labels: codes, ranks }) {
  const names = codes.map((code) => `“${labelName(code)}”`);
  const cell = (row, column) =>
    make(
      "td",
      { class: row === column ? "quiet" : null },
      ["a", "b"].map((side) => {
        const rank = ranks[side][row][column];
        return make("span", {}, `${letter(side)} `, make("b", {}, rank === null ? "–" : wholeNumber(rank)));
      }),
    );
  return make(
    "table",
    { class: "label-table" },
    make("caption", {}, `Typical rank of one label's ${THING[1]} as seen from the other's (1 is the nearest of ${wholeNumber(N - 1)})`),
    make("thead", {}, make("tr", {}, make("td"), names.map((name) => make("th", { scope: "col" }, name)))),
    make(
      "tbody",
      {},
      names.map((name, row) => make("tr", {}, make("th", { scope: "row" }, name), codes.map((_, column) => cell(row, column)))),
    ),
  );
}

function markCards() {
  for (const each of document.querySelectorAll(".card")) {
    const current = Number(each.dataset.concept) === state.concept && each.dataset.direction === state.direction;
    if (current) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
    each.style.borderColor = current ? css(conceptColor(state.concept)) : "";
  }
  for (const fold of document.querySelectorAll(".folded")) if (fold.querySelector("[aria-current]")) fold.open = true;
}
