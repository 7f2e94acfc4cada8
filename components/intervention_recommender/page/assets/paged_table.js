"use strict";
// A table of thousands of rows: sorted by its headers, shown a page at a time.

// Columns are `{value, cell}`: what a row sorts by, null coming last, and the row's cell.
const makePagedTable = (table, columns, sorted = { column: 0, isUp: true }) => {
  const { element, fill: say } = page;
  const STEP = 50;
  const body = table.tBodies[0];
  const more = element("button", { type: "button" });
  const status = element("span", { class: "status", role: "status" });
  table.parentElement.after(element("p", { class: "more needs-script" }, more, " ", status));
  let rows = [];
  let numShown = STEP;

  const compare = (one, other) =>
    typeof one === "number" ? one - other : String(one).localeCompare(String(other), page.locale);

  const sort = () => {
    const keyed = rows.map((row) => [columns[sorted.column].value(row), row]);
    keyed.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return sorted.isUp ? compare(one, other) : compare(other, one);
    });
    rows = keyed.map(([, row]) => row);
  };

  const show = () => {
    const shown = rows.slice(0, numShown);
    body.replaceChildren(...shown.map((row) => element("tr", {}, ...columns.map((column) => column.cell(row)))));
    status.textContent = say("js.rows", { shown: page.number(shown.length, 0), total: page.number(rows.length, 0) });
    more.textContent = say("js.more");
    more.hidden = shown.length === rows.length;
    headers.forEach((header, column) => {
      header.removeAttribute("aria-sort");
      if (column === sorted.column) header.setAttribute("aria-sort", sorted.isUp ? "ascending" : "descending");
    });
  };

  table.classList.add("sortable");
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = element("button", { type: "button" });
    for (const name of ["t", "en", "es"]) {
      if (header.dataset[name] === undefined) continue;
      button.dataset[name] = header.dataset[name];
      delete header.dataset[name];
    }
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const isUp = sorted.column === column ? !sorted.isUp : !header.matches(".num") || column === 0;
      sorted = { column, isUp };
      sort();
      show();
    });
  });
  more.addEventListener("click", () => {
    numShown += STEP;
    const next = body.rows.length;
    show();
    body.rows[next]?.querySelector("button")?.focus();
  });

  return (given) => {
    rows = [...given];
    numShown = STEP;
    sort();
    show();
  };
};
