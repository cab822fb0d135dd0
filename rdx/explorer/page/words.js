// Sentences: what is shown, said for someone who has never seen such a page.

const letter = (side) => side.toUpperCase();
const called = (side) => `“${title(side)}” (${letter(side)})`;

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

// What one concept is: in which model its items lie together and what they share, how the other model divides it, and
// where they are in both models.
function conceptTexts(one, members, direction = state.direction) {
  const shared = one.shares || makeUpText(members);
  const texts = [`${one.held}${shared && `: ${shared}`}.`, one.besides, whereText(one, direction), one.divided];
  return texts.filter(Boolean).map(bound);
}

// The first of them, with whose group it is in bold.
const inBold = (one, text) => [make("b", {}, one.held), text.slice(one.held.length)];

const NEARLY = 0.1; // shares that differ by less do not differ much: then ranks are said, too

// Where a member's nearest items are, as many as there could be members; and which labels come near in the other model.
function whereText(one, direction) {
  if (!one.where || one.size < 3) return "";
  const own = OWN[direction];
  const other = OTHER[own];
  const [here, there] = [one.where[own], one.where[other]];
  const [share, otherShare] = [here, there].map(({ inside }) => percent(inside));
  const of = `f the ${wholeNumber(one.size - 1)} nearest to one of them, ${share} are of this group in`;
  const rank = `typical rank of one as seen from another is ${wholeNumber(here.rank)} in ${letter(own)}, ${wholeNumber(there.rank)} in ${letter(other)}.`;
  // A difference must not read as none, nor as one the other way round.
  const apart = here.inside - there.inside;
  const inside =
    share === otherShare
      ? `O${of} both models; farther out, the ${rank}`
      : apart < 0
        ? `The ${rank} Among the very nearest it is the other way round: o${of} ${letter(own)}, ${otherShare} in ${letter(other)}.`
        : `O${of} ${letter(own)}, ${otherShare} in ${letter(other)}.${apart < NEARLY ? ` The ${rank}` : ""}`;
  const come = one.where.come.map(([code, now, before]) => `“${labelName(code)}” (${percent(now)}, in ${letter(own)} ${percent(before)})`);
  const rest = come.length ? ` In ${letter(other)} more of their neighbours are ${listed(come)}.` : "";
  return inside + rest;
}

function typicalText(one) {
  const [near, far] = [one.typical[OWN[state.direction]], one.typical[OTHER[OWN[state.direction]]]];
  return near === null || far === null
    ? "–"
    : `${wholeNumber(near)} in ${letter(OWN[state.direction])}, ${wholeNumber(far)} in ${letter(OTHER[OWN[state.direction]])}`;
}

// What a measure says, in a few words beside its value.
function measureText(name, value, direction, further = false) {
  if (value === null || value === undefined) return "";
  if (name === "bsr") return `of the grid's pairs are nearer in ${letter(OWN[direction])}`;
  if (name === "p_value" && further) return "of the concept that it is another side of";
  if (name === "p_value") return chanceText(value);
  if (name === "p_reference") return "of draws of the reference have a group this strong";
  if (name === "score") return "times what noise has";
  if (name === "p_random") return "of random groups are as strong";
  if (name === "stability")
    return value >= 0.75 ? "comes back" : value >= 0.5 ? "mostly comes back" : "often does not come back";
  if (name === "mean_affinity") return "1 would be no difference";
  return "";
}

// How often noise alone has a group as strong; of N draws nothing below 1 in N + 1 can show.
function chanceText(value) {
  const { draws } = method();
  if (draws && value * (draws + 1) < 1.001) return `at most, the smallest that ${wholeNumber(draws)} draws of noise can show`;
  return "of draws of noise have a group this strong";
}

const chanceNumber = (value) =>
  value === null || value === undefined || value >= 0.001 ? shortNumber(value) : "<0.001";

const MEASURES = [
  ["mean_affinity", "Affinity", "affinity", shortNumber],
  ["bsr", "BSR", "bsr", percent],
  ["p_value", "p-value", "p", chanceNumber],
  ["p_reference", "p, reference", "reference", chanceNumber],
  ["q_value", "q-value", "q", chanceNumber],
  ["stability", "Stability", "stability", shortNumber],
  ["p_random", "p, random", "random", chanceNumber],
  ["gain", "Gain", "gain", shortNumber],
  ["score", "Score", "score", shortNumber],
  ["effect", "Effect", "effect", shortNumber],
  ["gamma", "Scale γ", "gamma", shortNumber],
  ["round", "Round", "round", shortNumber],
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
