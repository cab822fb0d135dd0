// What is shown, in one object; the address's hash says the same, so that every state has a link.

const METHODS = DATA.methods.map((method) => method.name);
const KINDS = DATA.maps;
// The page opens on what stands out most; on no concept where nothing does.
const OPENS = DATA.methods[0].story.opens;
const FIRST = {
  direction: OPENS ? OPENS[0] : "a_not_b",
  method: METHODS[0],
  concept: OPENS ? OPENS[1] : 0,
  item: null,
  kind: KINDS[0],
  color: OPENS || !DATA.labels ? "concept" : "label",
  layout: "pair",
  at: 0,
  filter: "",
  selected: [],
};
const LINKED = {
  direction: "d",
  method: "m",
  concept: "c",
  item: "i",
  kind: "map",
  color: "color",
  layout: "view",
  at: "t",
  filter: "f",
  selected: "s",
};
const LONGEST_LINK = 200; // selected items in a link

const state = { ...FIRST };
const listeners = [];

const method = () => DATA.methods[methodIndex(state.method)];
const shown = () => method().directions[state.direction];
const concept = () => shown().concepts.find((one) => one.number === state.concept) || null;
const labels = () => conceptsOf(state.method, state.direction);
const title = (side) => DATA.titles[side];

// The concept that a direction opens on: the strongest that is not folded away; 0 where there is none.
function firstOf(name, direction) {
  const [first] = DATA.methods[methodIndex(name)].directions[direction].concepts;
  return first && first.standing !== "chance" ? first.number : 0;
}

const goTo = (direction, name = state.method) => change({ direction, method: name, concept: firstOf(name, direction) });
// Another method opens on what stands out most in it.
function goToMethod(name) {
  const { opens } = DATA.methods[methodIndex(name)].story;
  change({ method: name, direction: opens ? opens[0] : state.direction, concept: opens ? opens[1] : 0 });
}

// Called after every change with the names of what changed.
function onChange(listener) {
  listeners.push(listener);
}

// Changes the state; `passing` changes (a slider's) replace the last link, others can be gone back to.
function change(values, { passing = false, fromLink = false } = {}) {
  const next = checked({ ...state, ...values });
  const changed = new Set(Object.keys(next).filter((key) => !same(next[key], state[key])));
  if (!changed.size) return;
  Object.assign(state, next);
  if (!fromLink) writeLink(passing);
  for (const listener of listeners) listener(changed);
}

const same = (x, y) => (Array.isArray(x) ? x.length === y.length && x.every((value, i) => value === y[i]) : x === y);

// Puts what is not there back to what is.
function checked(next) {
  if (!DIRECTIONS.includes(next.direction)) next.direction = FIRST.direction;
  if (!METHODS.includes(next.method)) next.method = FIRST.method;
  if (!KINDS.includes(next.kind)) next.kind = FIRST.kind;
  if (!["pair", "passage"].includes(next.layout)) next.layout = FIRST.layout;
  const concepts = DATA.methods[methodIndex(next.method)].directions[next.direction].concepts;
  if (next.concept !== 0 && !concepts.some((one) => one.number === next.concept))
    next.concept = firstOf(next.method, next.direction);
  if (!colorKeys(next).includes(next.color)) next.color = FIRST.color;
  if (!readFilter(next.filter)) next.filter = "";
  if (!Number.isInteger(next.item) || next.item < 0 || next.item >= N) next.item = null;
  next.selected = next.selected.filter((item) => Number.isInteger(item) && item >= 0 && item < N);
  next.at = clamp(Number(next.at) || 0, 0, 1);
  return next;
}

function link() {
  const parts = [];
  for (const [key, name] of Object.entries(LINKED)) {
    if (same(state[key], FIRST[key]) || (key === "selected" && state.selected.length > LONGEST_LINK)) continue;
    const text =
      key === "selected" ? state.selected.join(".") : key === "at" ? state.at.toFixed(2) : String(state[key]);
    parts.push(`${name}=${encodeURIComponent(text)}`);
  }
  return `#${parts.join("&")}`;
}

let written = location.hash;
function writeLink(passing) {
  const next = link();
  if (next === written || (next === "#" && written === "")) return;
  written = next;
  if (passing) location.replace(next);
  else location.hash = next;
}

function readLink() {
  const given = new Map(
    location.hash
      .slice(1)
      .split("&")
      .map((part) => part.split("=", 2)),
  );
  const text = (key) => {
    try {
      return given.has(LINKED[key]) ? decodeURIComponent(given.get(LINKED[key]) || "") : null;
    } catch {
      return null;
    }
  };
  const number = (key) => (text(key) === null || text(key) === "" ? FIRST[key] : Number(text(key)));
  const numbers = (text("selected") || "").split(".").filter(Boolean).map(Number);
  return {
    direction: text("direction") ?? FIRST.direction,
    method: text("method") ?? FIRST.method,
    kind: text("kind") ?? FIRST.kind,
    color: text("color") ?? FIRST.color,
    layout: text("layout") ?? FIRST.layout,
    filter: text("filter") ?? FIRST.filter,
    concept: number("concept"),
    item: number("item"),
    at: number("at"),
    selected: [...new Set(numbers)],
  };
}

window.addEventListener("hashchange", () => {
  if (location.hash === written) return;
  written = location.hash;
  change(readLink(), { fromLink: true });
});
