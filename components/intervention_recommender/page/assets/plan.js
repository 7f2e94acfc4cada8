"use strict";
// What is planned where, as far as the chosen region goes.
const makePlan = (openSheet) => {
  const { data, own, change, effectOf } = communities;
  const { element } = page;
  const table = document.getElementById("plan-table");
  const rows = data.choices.map(([place, action], order) => ({ place, order, ...effectOf(action, place) }));
  const link = (place) => {
    const button = element("button", { type: "button", class: "link" }, element("bdi", {}, data.name[place]));
    button.addEventListener("click", () => openSheet(place));
    return button;
  };
  const columns = [
    { value: ({ order }) => order, cell: ({ order }) => element("td", { class: "num" }, page.number(order + 1, 0)) },
    { value: ({ place }) => data.name[place], cell: ({ place }) => element("th", { scope: "row" }, link(place)) },
    {
      value: ({ place }) => data.regions[data.region[place]],
      cell: ({ place }) => element("td", { class: "region" }, element("bdi", {}, data.regions[data.region[place]])),
    },
    {
      value: ({ action }) => own(data.actions[action].title),
      cell: ({ action }) => element("td", { class: "words" }, own(data.actions[action].title)),
    },
    {
      value: ({ effect }) => effect,
      cell: ({ effect, lower, upper }) =>
        element("td", { class: "num" }, change(effect), " ",
          element("small", {}, communities.span(lower, upper, (value) => page.number(value, data.decimals, true)))),
    },
    {
      value: ({ cost }) => cost,
      cell: ({ action, cost }) => element("td", { class: "num" }, communities.money(cost, data.actions[action].currency)),
    },
  ];
  const fill = makePagedTable(table, columns);
  const show = () => fill(rows.filter(({ place }) => communities.isInRegion(place)));
  communities.onChoice((changes) => changes.region !== undefined && show());
  page.onLanguage(show);
  show();
};
