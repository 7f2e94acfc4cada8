"use strict";
// The evaluation page: tabs, choices of panels, the slice table's filters and the threshold slider.
(() => {
  const { all, say, number } = page;
  const byId = (id) => document.getElementById(id);
  const { points, plot } = JSON.parse(byId("live-data").textContent);

  // One of several panels, by the values of one or more selects.

  const makeChoices = (group) => {
    const selects = all(`[data-choose="${group}"]`);
    const panels = all(`[data-panel="${group}"]`);
    const empty = document.querySelector(`[data-empty="${group}"]`);
    const show = () => {
      for (const panel of panels) {
        panel.hidden = !selects.every((select) => panel.dataset[select.dataset.by] === select.value);
      }
      if (empty) empty.hidden = panels.some((panel) => !panel.hidden);
    };
    for (const select of selects) select.addEventListener("change", show);
    show();
  };

  const makeConfusion = () => {
    const table = byId("confusion-table");
    if (!table) return;
    const buttons = all("[data-show]");
    const show = (kind) => {
      table.dataset.shown = kind;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.show === kind));
    };
    for (const button of buttons) button.addEventListener("click", () => show(button.dataset.show));
    show("counts");
  };

  const makeSlices = () => {
    const table = byId("slice-table");
    if (!table) return;
    const [search, kind, worst, count] = ["search", "kind", "worst", "count"].map((name) => byId(`slice-${name}`));
    const rows = [...table.tBodies[0].rows];
    const names = new Map(rows.map((row) => [row, row.cells[0].textContent.toLowerCase()]));
    const matches = (row) =>
      names.get(row).includes(search.value.trim().toLowerCase()) &&
      (kind.value === "every" || row.dataset.kind === kind.value) &&
      (!worst.value || (row.dataset.kind !== "overall" && row.cells[worst.value].querySelector("b")));
    const show = () => {
      const limit = worst.value ? Number(count.value) : rows.length;
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !matches(row) || shown >= limit;
        if (!row.hidden) shown += 1;
      }
      byId("slice-status").textContent = say("js.shown", { shown, total: rows.length });
    };
    const rank = () => {
      if (worst.value) {
        const direction = worst.selectedOptions[0].dataset.direction === "up" ? "ascending" : "descending";
        page.sortRows(table, Number(worst.value), direction);
      }
      show();
    };
    search.addEventListener("input", show);
    kind.addEventListener("change", show);
    worst.addEventListener("change", rank);
    count.addEventListener("change", show);
    page.onLanguage(show);
    show();
  };

  const makeThreshold = () => {
    const slider = byId("threshold-slider");
    if (!slider) return;
    const choice = document.querySelector('[data-choose="threshold"]');
    const costs = [byId("cost-false-positive"), byId("cost-false-negative")];
    const cost = (input) => Math.max(0, Number(input.value) || 0);
    const x = (share) => plot.left + share * (plot.right - plot.left);
    const y = (share) => plot.bottom - share * (plot.bottom - plot.top);
    const place = (value) => value.toFixed(1);
    let chosen;
    let thousandCosts;
    let cheapest;

    const at = (index) => {
      const [tp, fp, tn, fn] = ["true_positives", "false_positives", "true_negatives", "false_negatives"].map(
        (name) => chosen[name][index],
      );
      return { threshold: chosen.thresholds[index], tp, fp, tn, fn, total: tp + fp + tn + fn };
    };

    const recost = () => {
      const [falsePositive, falseNegative] = costs.map(cost);
      thousandCosts = chosen.thresholds.map((_, index) => {
        const { fp, fn, total } = at(index);
        return (1000 * (falsePositive * fp + falseNegative * fn)) / total;
      });
      cheapest = thousandCosts.indexOf(Math.min(...thousandCosts));
      const highest = Math.max(...thousandCosts) || 1;
      const panel = panelNow();
      const path = chosen.thresholds.map((threshold, index) =>
        [place(x(Math.min(threshold, 1))), place(y(thousandCosts[index] / highest))].join(","),
      );
      panel.querySelector("[data-cost-curve]").setAttribute("d", `M${path.join("L")}`);
      const [lowestX, lowestY] = path[cheapest].split(",");
      panel.querySelector("[data-minimum]").setAttribute("d", `M${lowestX},${lowestY}l-5,-9h10Z`);
      for (const label of all("[data-cost-share]", panel)) {
        label.textContent = number(label.dataset.costShare * highest, highest < 10 ? 2 : 0);
      }
    };

    const panelNow = () => all('[data-panel="threshold"]').find((panel) => panel.dataset.label === choice.value);

    const write = (name, text) => {
      byId(`live-${name}`).textContent = text;
    };

    const show = () => {
      const { threshold, tp, fp, tn, fn, total } = at(slider.value);
      const alerted = tp + fp;
      const [falsePositive, falseNegative] = costs.map(cost);
      const ratio = (part, whole, decimals) => (whole ? number(part / whole, decimals) : "–");
      write("threshold", number(threshold, 3));
      write("true-positives", number(tp, 0));
      write("false-positives", number(fp, 0));
      write("true-negatives", number(tn, 0));
      write("false-negatives", number(fn, 0));
      write("precision", ratio(tp, alerted, 3));
      write("recall", ratio(tp, tp + fn, 3));
      write("alerts", ratio(1000 * alerted, total, 0));
      write("cost", number(thousandCosts[slider.value], 1));
      write("benefit", ratio(tp * falseNegative - fp * falsePositive, alerted, 2));
      write("minimum", say("js.minimum", { threshold: chosen.thresholds[cheapest].toFixed(3), cost: thousandCosts[cheapest].toFixed(1) }));
      write("sentence", say("js.sentence", {
        alerts: String(Math.round((1000 * alerted) / total)),
        right: String(Math.round((1000 * tp) / total)),
        recall: tp + fn ? `${((100 * tp) / (tp + fn)).toFixed(1)}%` : "–",
      }));
      slider.setAttribute("aria-valuetext", number(threshold, 3));
      for (const cursor of all("[data-cursor]", panelNow())) {
        const share = cursor.dataset.cursor === "budget" ? alerted / total : Math.min(threshold, 1);
        cursor.setAttribute("d", `M${place(x(share))},${plot.bottom}V${plot.top}`);
      }
    };

    const toMinimum = () => {
      slider.value = cheapest;
      show();
    };

    const begin = () => {
      chosen = points[choice.value];
      slider.max = chosen.thresholds.length - 1;
      recost();
      toMinimum();
    };

    choice.addEventListener("change", begin);
    slider.addEventListener("input", show);
    byId("to-minimum").addEventListener("click", toMinimum);
    const again = () => {
      recost();
      show();
    };
    for (const input of costs) input.addEventListener("input", again);
    page.onLanguage(again);
    begin();
  };

  makeTabs();
  ["fairness", "curves", "threshold"].forEach(makeChoices);
  makeConfusion();
  makeSlices();
  makeThreshold();
})();
