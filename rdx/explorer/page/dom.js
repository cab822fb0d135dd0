// Elements without HTML: whatever comes from data is a text node or an attribute's value.

const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// A row of buttons of which one is pressed: `choices` are [value, text, title].
function fillSegments(fieldset, choices, onChoose) {
  const legend = fieldset.querySelector("legend");
  const buttons = choices.map(([value, text, title]) =>
    make(
      "button",
      { type: "button", "data-value": value, "aria-pressed": "false", title, on: { click: () => onChoose(value) } },
      text,
    ),
  );
  fieldset.replaceChildren(legend, make("span", { class: "buttons" }, buttons));
  return (chosen) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === chosen)));
}

const wholeNumber = (value) => Math.round(value).toLocaleString("en-US");
const percent = (share) => `${share > 0 && share < 0.005 ? "<1" : Math.round(100 * share)}\u00a0%`;
// A sentence whose numbers stay on one line with their units and names: "12 %", "AUC 0.9", "A 0.3", "87 images".
const bound = (text) =>
  text
    .replace(/(\d) (?=[%×]|images?\b|texts?\b|items?\b)/g, "$1\u00a0")
    .replace(/\b(A|B|AUC|CKA|R²|p|rank) (?=\d)/g, "$1\u00a0")
    .replace(/(R²) (?=[AB]\b)/g, "$1\u00a0");

// Three significant digits, without an exponent where it can be read without.
function shortNumber(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return wholeNumber(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

// Says a change to screen readers only.
function say(text) {
  byId("spoken").textContent = text;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
