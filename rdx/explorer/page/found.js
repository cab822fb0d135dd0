// What was found, both directions side by side: a row of images for each concept that stands out, the strongest first.
// What may be chance is folded away below.

const CARD_IMAGES = TEXTS ? { row: 4, small: 1 } : { row: 9, small: 3 };
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

function fillFindings() {
  const { findings } = method();
  const heads = DIRECTIONS.map((direction) => {
    const own = OWN[direction];
    const words = method().isRdx ? `closer together here than in ${letter(OTHER[own])}` : "groups of this model";
    return make(
      "h2",
      { class: own },
      make("b", { class: `side ${own}` }, letter(own)),
      ` ${title(own)}`,
      make("span", { class: "quiet" }, ` ${words}`),
    );
  });
  const some = findings.filter((one) => !one.minor);
  const main = some.length ? some : findings;
  const minor = findings.filter((one) => !main.includes(one)).flatMap((one) => one.faces);
  const blocks = main.map((one, at) => findingBlock(one, main.length > 1 ? `Finding ${at + 1}` : ""));
  const has = (direction) => findings.some((one) => one.faces.some(([where]) => where === direction));
  for (const direction of DIRECTIONS) {
    if (has(direction)) continue;
    blocks.push(make("p", { class: `empty quiet ${OWN[direction]}` }, nothingIn(direction)));
  }
  const sides = DIRECTIONS.filter((direction) => main.some((one) => one.faces.some(([where]) => where === direction)));
  // no empty half beside findings of one model alone
  const one = sides.length === 1 ? ` only only-${OWN[sides[0]]}${main.length > 1 ? "" : " single"}` : "";
  if (minor.length)
    blocks.push(
      make(
        "div",
        { class: "minor" },
        make("p", { class: "quiet" }, `Small groups, and groups whose borders are unsure (${minor.length})`),
        make("div", { class: "chance-cards" }, minor.map((face) => card(face, "small"))),
      ),
    );
  const whose = findings.length && (THUMBS || TEXTS) ? make("p", { class: "whose quiet" }, bound(DATA.pictures)) : "";
  byId("concepts").replaceChildren(whose, make("div", { class: `found-grid${one}` }, heads, blocks), chanceFold());
}

// What is said of a direction of which nothing is shown, wherever it is.
function nothingIn(direction) {
  const [own, other] = [OWN[direction], OTHER[OWN[direction]]].map(letter);
  const what = method().isRdx ? ` that lies closer together in ${own} than in ${other}` : ` of ${own}`;
  return method().directions[direction].concepts.length ? `No group${what} stands out.` : `No group${what} was found.`;
}

// One finding: in the column of its model, or over both where it has faces in both.
function findingBlock(finding, name) {
  const sides = new Set(finding.faces.map(([direction]) => OWN[direction]));
  const where = sides.size > 1 ? "both" : [...sides][0];
  const count = finding.faces.length;
  const seen = count < 2 ? "" : sides.size > 1 ? "one finding, with a group in each model" : `one finding, as ${count} groups`;
  const told = [name, finding.table && name ? finding.sentence : seen].filter(Boolean);
  const ownLine = Boolean(seen || (finding.table && name)); // else the card says which finding it is
  return make(
    "div",
    { class: `finding ${where}` },
    ownLine ? make("p", { class: "finding-words" }, bound(told.join(": "))) : null,
    make(
      "div",
      { class: "faces" },
      finding.faces.map((face) => make("div", { class: OWN[face[0]] }, card(face, "row", ownLine ? "" : name))),
    ),
    finding.table ? labelTable(finding.table) : null,
  );
}

function card([direction, number], kind, finding = "") {
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
      finding ? make("span", { class: "quiet" }, finding.toLowerCase()) : null,
      one.cautions.map((text) => make("span", { class: "caution" }, text)),
    ),
    make(
      "span",
      { class: "minis" },
      images.map((item) => thumb(item, TEXTS ? TEXT_LEAST : kind === "row" ? 112 : 48)),
    ),
    make("span", { class: "card-text" }, isChance(one) ? makeUpText(members, 2) : inBold(one, said)),
    kind === "row" ? more.map((text) => make("span", { class: "card-text" }, text)) : null,
  );
}

// With a reference it says as well whether the concept is more than that shows.
const standingWord = (one) =>
  make(
    "span",
    { class: `standing ${one.standing}` },
    STANDING[one.standing],
    one.beyond === null || isChance(one) ? "" : one.beyond ? ", more than the reference" : ", no more than the reference",
  );

function chanceFold() {
  const faces = DIRECTIONS.flatMap((direction) =>
    method()
      .directions[direction].concepts.filter(isChance)
      .map((one) => [direction, one.number]),
  );
  if (!faces.length) return "";
  return make(
    "details",
    { id: "chance" },
    make("summary", {}, `may be chance (${faces.length})`),
    make(
      "p",
      { class: "quiet" },
      "Groups as strong as these come about, too, where as much changes but evenly. They are no findings.",
    ),
    make(
      "div",
      { class: "chance-cards" },
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
  const one = concept();
  if (one && isChance(one)) byId("chance").open = true;
}
