"use strict";
// The ranking of the communities, as far as the chosen region goes.

// An interval of ranks on the line from the first to the last.
const rankBar = (place, wide = 112) => {
  const { data, size } = communities;
  const x = (rank) => (size > 1 ? 4 + ((rank - 1) / (size - 1)) * (wide - 8) : wide / 2).toFixed(1);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ class: "bar rail", viewBox: `0 0 ${wide} 12`, "aria-hidden": "true" })) {
    svg.setAttribute(name, value);
  }
  const [low, rank, high] = [data.rankLower[place], data.rank[place], data.rankUpper[place]].map(x);
  svg.innerHTML = `<path d="M${low},6H${high}"/><circle cx="${rank}" cy="6" r="2.8"/>`;
  return svg;
};

const makeRanking = (openSheet) => {
  const { data, planned, level, own } = communities;
  const { element, fill: say, number } = page;
  const table = document.getElementById("ranking-table");
  const cell = (text, kind = "num") => element("td", { class: kind }, text);

  const name = (place) => {
    const button = element("button", { type: "button", class: "link" }, element("bdi", {}, data.name[place]));
    button.addEventListener("click", () => openSheet(place));
    return button;
  };

  const known = {
    rank: { value: (place) => data.rank[place], cell: (place) => cell(number(data.rank[place], 0)) },
    interval: {
      value: (place) => data.rankLower[place],
      cell: (place) =>
        element("td", { class: "interval" },
          element("span", {}, communities.span(data.rankLower[place], data.rankUpper[place], (rank) => number(rank, 0))),
          rankBar(place)),
    },
    name: {
      value: (place) => data.name[place],
      cell: (place) => element("th", { scope: "row" }, name(place)),
    },
    region: {
      value: (place) => data.regions[data.region[place]],
      cell: (place) => element("td", { class: "region" }, element("bdi", {}, data.regions[data.region[place]])),
    },
    predicted: {
      value: (place) => data.predicted[place],
      cell: (place) =>
        element("td", { class: "num" }, level(data.predicted[place]), " ",
          element("small", {}, communities.span(data.lower[place], data.upper[place], (value) => number(value, data.decimals)))),
    },
    observed: { value: (place) => data.observed[place], cell: (place) => cell(level(data.observed[place])) },
    people: {
      value: (place) => data.population[place],
      cell: (place) => cell(data.population[place] === null ? say("js.none") : number(data.population[place], 0)),
    },
    plan: {
      value: (place) => planned[place].length,
      cell: (place) => cell(planned[place].map((action) => own(data.actions[action].title)).join("; ") || say("js.none"), "words"),
    },
  };
  const columns = [...table.tHead.rows[0].cells].map((header) => known[header.dataset.column]);
  const fill = makePagedTable(table, columns);
  const show = () => fill(data.key.map((_, place) => place).filter(communities.isInRegion));
  communities.onChoice((changes) => changes.region !== undefined && show());
  page.onLanguage(show);
  show();
};
