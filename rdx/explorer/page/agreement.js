// How far A and B agree: an effect size, whatever stands out.

function fillAgreement() {
  const { cka, common, neighbors, label, labels: near, better, copies, detail, probed, read, shared, moved } = DATA.agreement;
  const { explained } = method();
  const facts = [];
  const fact = (value, ...words) => facts.push(make("span", {}, make("b", {}, value), " ", ...words));
  if (common !== null) fact(percent(common), `of an item's ${neighbors} nearest are the same`);
  if (cka !== null) fact(ckaText(cka), term("CKA", "cka"), " (1: the same geometry as a whole; groups hardly show in it)");
  if (label) fact(`A ${percent(label[0])}, B ${percent(label[1])}`, "of neighbours share the label");
  if (explained !== null) fact(percent(explained), "of all change of ranks lies in what stands out", " (R² by its groups)");
  const texts = ["a", "b"]
    .filter((side) => read[side].length)
    .map((side) => [`What ${letter(side)} ${better[side]}`, read[side].join("; ")]);
  const told = texts.length;
  if (told) texts[texts.length - 1][1] += " (R² of a linear probe: 0 tells nothing, 1 all)";
  else if (probed && !detail)
    texts.push(["Attributes", `none of ${wholeNumber(probed)} known here, labels aside, can be read clearly better from one model than from the other (linear probe)`]);
  if (detail) texts.push(["Structure", detail]);
  if (moved) texts.push(["What moved", moved.replace(/\.$/, "")]);
  const placed = near.map(([x, y, a, b]) => {
    const [side, far] = a < b ? ["A", "B"] : ["B", "A"];
    const ranks = [a, b].sort((x, y) => x - y).map(wholeNumber);
    const [first, second] = [x, y].map(([name, count], i) => `“${name}” (${i ? wholeNumber(count) : things(count)})`);
    return `${first} and ${second} are nearer in ${side} (typical rank ${ranks[0]}) than in ${far} (${ranks[1]})`;
  });
  if (placed.length) texts.splice(told, 0, ["Labels", listed(placed)]);
  byId("agreement").replaceChildren(
    make("h2", { id: "agreement-title" }, "How far they agree"),
    make("div", { class: "agreement-facts" }, facts),
    ...texts.map(([head, text]) => make("p", {}, make("b", {}, `${head}: `), bound(`${text}.`))),
    copies ? turnedCopies(copies) : "",
    make(
      "details",
      {},
      make("summary", {}, `${shared.length ? "What neighbours share, and what" : "What"} “stands out” means`),
      shared.length ? sharedTable(shared) : "",
      make(
        "p",
        {},
        "“Stands out” is said of groups that are stronger than what evenly spread noise brings about. Two trainings " +
          "that differ in nothing but their seed stand out from noise, too. To ask whether A and B differ by more than " +
          "such two, name them in the configuration, one of them may be A or B: “statistics: {reference: [b, c]}”.",
      ),
    ),
  );
  byId("agreement").hidden = !facts.length;
}

// A few images, each beside a copy that is made here: of what a model does not tell apart, or as it may see them.
function turnedCopies({ way, words, items }) {
  const shown = items.filter(hasImage);
  if (!shown.length) return "";
  return make(
    "p",
    { class: "turned" },
    make("span", { class: "quiet" }, bound(words)),
    shown.map((item) => make("span", { class: "pair-of-two" }, thumb(item, 56), thumb(item, 56, way))),
  );
}

// What is nearly 1 must not read as the same.
function ckaText(cka) {
  if (cka < 0.995) return cka.toFixed(2);
  return cka < 0.9995 ? cka.toFixed(3) : cka < 1 ? "> 0.999" : "1";
}

// Rows come sorted by how far A and B are apart, which the last column says.
function sharedTable(rows) {
  const head = ["", "A", "B", "apart ↓"].map((text) => (text ? make("th", { scope: "col" }, text) : make("td")));
  const line = ({ name, category, a, b }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, fieldName({ name }), make("span", { class: "quiet" }, category ? " (the same)" : " (how alike)")),
      [a, b].map((share) => make("td", {}, percent(Math.max(0, share)))),
      make("td", {}, percent(Math.abs(Math.max(0, b) - Math.max(0, a)))),
    );
  return make(
    "table",
    { class: "shares" },
    make("caption", {}, "How much an item's neighbours share with it; of numbers, 0% is as any two items, 100% the same"),
    make("thead", {}, make("tr", {}, head)),
    make("tbody", {}, rows.map(line)),
  );
}
