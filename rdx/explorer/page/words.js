// Sentences: what is shown, said for someone who has never seen such a page.

const letter = (side) => side.toUpperCase();
const called = (side) => `“${title(side)}” (${letter(side)})`;

// What the direction shows as a whole.
function leadText() {
  const own = called(OWN[state.direction]);
  const other = called(OTHER[OWN[state.direction]]);
  const count = shown().concepts.length;
  const groups = `${count === 1 ? "one group" : `${count} groups`} of ${THING[1]}`;
  if (!method().isRdx && !count) return `${state.method} found no group in ${own}.`;
  if (!method().isRdx) {
    const alone = `${state.method} looks at one model at a time: ${groups} that ${own} holds together.`;
    return `${alone} It does not ask whether ${other} holds them together as well.`;
  }
  if (!count) {
    const none = `${own} holds no group of ${THING[1]} together that ${other} scatters`;
    return `${none}: no difference was found in this direction.`;
  }
  return `${own} sees ${groups} as alike that ${other} scatters.${mostlyText()}${chanceText()}`;
}

// A concept that turns up as well where the models do not differ.
const maybeChance = (one) => one.p_value !== null && one.p_value >= 0.05;

// How many concepts of the direction stand out from chance, where that was tested.
function chanceText() {
  const tested = shown().concepts.filter((one) => one.p_value !== null);
  if (!tested.length) return "";
  const sure = tested.filter((one) => !maybeChance(one)).length;
  if (sure === tested.length) return sure === 1 ? " It stands out from chance." : " All of them stand out from chance.";
  return sure
    ? ` ${sure} of the ${tested.length} ${sure === 1 ? "stands" : "stand"} out from chance.`
    : " None stands out from chance.";
}

// Which labels the groups of a direction are mostly of, where a few make up most of them.
function mostlyText() {
  if (!LABELS) return "";
  const groups = labels();
  const members = Array.from(groups.keys()).filter((i) => groups[i] > 0);
  const first = makeUp(members)
    .slice(0, 3)
    .filter(([, count]) => count / members.length >= 0.1);
  const share = first.reduce((sum, [, count]) => sum + count, 0) / members.length;
  if (share < 0.6 || DATA.labels.names.length < 3) return "";
  return ` They are mostly ${listed(first.map(([code]) => `“${labelName(code)}”`))}.`;
}

const listed = (texts) =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts[texts.length - 1]}`;

// The commonest labels of items in words: “3” (54%) and “5” (46%).
function makeUpText(items, most = 3) {
  if (!LABELS || !items.length) return "";
  const parts = makeUp(items)
    .slice(0, most)
    .filter(([, count], i) => i === 0 || count / items.length >= 0.05);
  return listed(parts.map(([code, count]) => `“${labelName(code)}” ${percent(count / items.length)}`));
}

const ordinal = (rank) => {
  const whole = Math.max(1, Math.round(rank));
  const tens = whole % 100;
  const ending = tens > 10 && tens < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[whole % 10] || "th";
  return `${wholeNumber(whole)}${ending}`;
};

// What one concept is, and how near its items are to each other in both models.
function conceptText(one, members) {
  const own = OWN[state.direction];
  const other = OTHER[own];
  const sentences = [];
  const mixture = makeUpText(members);
  if (mixture) sentences.push(`${things(one.size)}: ${mixture}.`);
  else sentences.push(`${things(one.size)}.`);
  const near = one.typical[own];
  const far = one.typical[other];
  if (near !== null && far !== null) {
    sentences.push(
      `Two ${THING[1]} of its grid are typically each other's ${ordinal(near)} nearest in ${letter(own)}, ` +
        `${far > near ? "but only" : "and"} the ${ordinal(far)} in ${letter(other)} (of ${wholeNumber(N - 1)}).`,
    );
  }
  return sentences.join(" ");
}

// What a measure says, in a few words beside its value.
function measureText(name, value, direction) {
  if (value === null || value === undefined) return "";
  if (name === "bsr") return `of the grid's pairs are nearer in ${letter(OWN[direction])}`;
  if (name === "p_value" || name === "q_value") return value < 0.05 ? "above chance" : "could be chance";
  if (name === "p_random") return "of random groups are as strong";
  if (name === "stability")
    return value >= 0.75 ? "comes back" : value >= 0.5 ? "mostly comes back" : "often does not come back";
  if (name === "mean_affinity") return "1 would be no difference";
  return "";
}

const chanceNumber = (value) =>
  value === null || value === undefined || value >= 0.001 ? shortNumber(value) : "<0.001";

const MEASURES = [
  ["mean_affinity", "Affinity", "affinity", shortNumber],
  ["bsr", "BSR", "bsr", percent],
  ["p_value", "p-value", "p", chanceNumber],
  ["q_value", "q-value", "q", chanceNumber],
  ["stability", "Stability", "stability", shortNumber],
  ["p_random", "p, random", "random", chanceNumber],
  ...DATA.measures.map((name) => [name, name.replaceAll("_", " "), null, shortNumber]),
];

// A word with its explanation, which shows when it is pointed at or has the focus.
function term(text, name) {
  const shownAt = (event) => {
    const tip = byId("term-tip");
    tip.textContent = byId(`term-${name}`).textContent.replace(/\s+/g, " ");
    tip.hidden = false;
    const box = event.currentTarget.getBoundingClientRect();
    const left = clamp(box.left, 8, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = box.bottom + 6 + tip.offsetHeight < document.documentElement.clientHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
  };
  const hide = () => {
    byId("term-tip").hidden = true;
  };
  return make(
    "button",
    {
      type: "button",
      class: "term",
      "aria-describedby": `term-${name}`,
      on: { mouseenter: shownAt, mouseleave: hide, focus: shownAt, blur: hide, click: shownAt },
    },
    text,
  );
}
