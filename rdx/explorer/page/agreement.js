// How far A and B agree: an effect size, whatever stands out.

function fillAgreement() {
  const { cka, common, neighbors, shared } = DATA.agreement;
  const { explained } = method();
  const facts = [];
  const fact = (value, ...words) => facts.push(make("span", {}, make("b", {}, value), " ", ...words));
  if (common !== null)
    fact(percent(common), `of an item's ${neighbors} nearest are the same`);
  if (cka !== null) fact(cka.toFixed(2), term("CKA", "cka"), " (1: the same geometry)");
  const label = shared.find(([name]) => name === "label");
  if (label) fact(`A ${percent(label[2])}, B ${percent(label[3])}`, "of neighbours share the label");
  if (explained)
    fact(percent(explained[1]), `of all change of ranks lies in what stands out (${percent(explained[0])} of the pairs)`);
  const placed = DATA.agreement.labels.map(([x, y, a, b]) => {
    const [near, far] = a < b ? ["A", "B"] : ["B", "A"];
    const ranks = [a, b].sort((x, y) => x - y).map(wholeNumber);
    return `“${x}” and “${y}” lie closer in ${near} (typical rank ${ranks[0]}) than in ${far} (${ranks[1]})`;
  });
  const more = shared.filter((one) => one !== label);
  byId("agreement").replaceChildren(
    make("h2", { id: "agreement-title" }, "How far they agree"),
    make("div", { class: "agreement-facts" }, facts),
    placed.length ? make("p", {}, `${listed(placed)}.`) : "",
    story().kind === "found"
      ? make("p", { class: "quiet" }, "Two trainings that differ in nothing but their seed would stand out from noise, too.")
      : "",
    make(
      "details",
      {},
      make("summary", {}, `${more.length ? "What neighbours share, and what" : "What"} “stands out” means`),
      more.length ? sharedTable(more) : "",
      make(
        "p",
        {},
        "“Stands out” is said of groups that are stronger than what evenly spread noise brings about. To ask whether A " +
          "and B differ by more than two trainings with another seed do, name two of them in the configuration, “statistics: {reference: [c, d]}”, beside one γ and " +
          "β for all (no “scale”).",
      ),
    ),
  );
  byId("agreement").hidden = !facts.length;
}

function sharedTable(rows) {
  const head = ["", "A", "B"].map((text) => (text ? make("th", { scope: "col" }, text) : make("td")));
  const line = ([name, category, a, b]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, fieldName({ name }), make("span", { class: "quiet" }, category ? " (the same)" : " (how alike)")),
      [a, b].map((share) => make("td", {}, share < 0 ? "0%" : percent(share))),
    );
  return make(
    "table",
    { class: "shares" },
    make("caption", {}, "How much an item's neighbours share with it; of numbers, 0% is as any two items, 100% the same"),
    make("thead", {}, make("tr", {}, head)),
    make("tbody", {}, rows.map(line)),
  );
}
