"use strict";
// The index over runs: its filters, and two runs side by side.
(() => {
  const { all, element, say, number } = page;
  const byId = (id) => document.getElementById(id);
  const live = JSON.parse(byId("live-data").textContent);
  const rows = [...byId("runs").tBodies[0].rows];
  const runs = new Map(rows.map((row, place) => [row, live.runs[place]]));
  const chosen = [];

  const nameOf = (row) => row.cells[0].querySelector(".name").textContent;

  // Filters.

  const isShown = (row, wanted) =>
    (!wanted.pipeline || row.cells[2].textContent === wanted.pipeline) &&
    (!wanted.task || row.cells[3].textContent === wanted.task) &&
    (!wanted.state || row.classList.contains(wanted.state)) &&
    (!wanted.from || nameOf(row).slice(0, 10) >= wanted.from) &&
    (!wanted.to || nameOf(row).slice(0, 10) <= wanted.to);

  const filter = () => {
    const wanted = Object.fromEntries(new FormData(byId("filters")));
    for (const row of rows) row.hidden = !isShown(row, wanted);
    for (const history of all(".history")) {
      const { pipeline, task } = history.dataset;
      history.hidden = Boolean((wanted.pipeline && pipeline !== wanted.pipeline) || (wanted.task && task !== wanted.task));
    }
    tell();
  };

  const tell = () => {
    const shown = rows.filter((row) => !row.hidden).length;
    byId("status").textContent =
      `${say("js.shown", { shown, total: rows.length })} ${say("js.chosen", { count: chosen.length })}`;
  };

  // The choice of two runs.

  const makeChoice = (row) => {
    const box = element("input", { type: "checkbox", class: "choose" });
    box.addEventListener("change", () => {
      if (box.checked) chosen.push(row);
      else chosen.splice(chosen.indexOf(row), 1);
      if (chosen.length > 2) chosen.shift().querySelector("input").checked = false;
      byId("compare").disabled = chosen.length !== 2;
      byId("comparison").hidden = true;
      tell();
    });
    row.cells[0].prepend(box);
  };

  const nameChoices = () => {
    for (const row of rows) {
      row.querySelector("input").setAttribute("aria-label", say("js.choose", { run: nameOf(row) }));
    }
  };

  // Two runs side by side, the older one first.

  const line = (name, ...cells) => element("tr", {}, element("th", { scope: "row" }, name), ...cells);
  const value = (one, decimals = 4) => element("td", { class: "num" }, one === null ? "–" : number(one, decimals));
  const metricName = (metric) => (`metric.${metric}` in live.texts[page.language] ? say(`metric.${metric}`) : metric);

  const difference = (before, after, metric) => {
    if (before === null || after === null) return value(null);
    const change = after - before;
    if (change === 0) return value(0);
    const reading = change > 0 === ((live.directions[metric] ?? "up") === "up") ? "better" : "worse";
    const words = ` ${change > 0 ? "▲" : "▼"} ${say(`js.${reading}`)}`;
    return element("td", { class: `num ${reading}` }, number(change, 4, true), words);
  };

  const pairLine = (name, metric, before, after) =>
    line(name, value(before), value(after), difference(before, after, metric));

  const table = (caption, head, lines, isOfNumbers = true) => {
    const id = `caption-${caption.slice(3)}`;
    const cells = head.map((text, place) =>
      element("th", { scope: "col", class: place && isOfNumbers ? "num" : "" }, text),
    );
    const made = element(
      "table",
      {},
      element("caption", { id }, say(caption)),
      element("thead", {}, element("tr", {}, ...cells)),
      element("tbody", {}, ...lines),
    );
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": id }, made);
  };

  const metricsPart = (one, other, names) => {
    const lines = live.metrics.flatMap((metric, place) =>
      one.values[place] === null && other.values[place] === null
        ? []
        : [pairLine(metricName(metric), metric, one.values[place], other.values[place])],
    );
    if (!lines.length) return element("p", { class: "note" }, say("js.no_metrics"));
    return table("js.metrics_caption", [say("js.metric"), ...names, say("js.difference")], lines);
  };

  // Maps each slice of a run to its number of records and its values, in the order of the metrics.
  const slicesOf = (run) =>
    new Map(
      (live.layouts[run.layout] ?? []).map(([name, records], place) => {
        const start = place * live.metrics.length;
        return [name, { records, values: run.slices.slice(start, start + live.metrics.length) }];
      }),
    );

  const slicesTable = (pairs, names, place) => {
    const size = ([, before, after]) => Math.abs(after.values[place] - before.values[place]);
    const lines = pairs
      .filter(([, before, after]) => before.values[place] !== null && after.values[place] !== null)
      .sort((one, other) => size(other) - size(one))
      .map(([name, before, after]) => {
        const made = pairLine(name, live.metrics[place], before.values[place], after.values[place]);
        made.cells[0].after(value(before.records, 0), value(after.records, 0));
        return made;
      });
    const records = names.map((name) => `${say("js.records")}, ${name}`);
    return table("js.slices_caption", [say("js.slice"), ...records, ...names, say("js.difference")], lines);
  };

  const slicesPart = (one, other, names) => {
    const [before, after] = [slicesOf(one), slicesOf(other)];
    const pairs = [...after].filter(([name]) => before.has(name)).map(([name, slice]) => [name, before.get(name), slice]);
    const places = live.metrics
      .map((_, place) => place)
      .filter((place) => pairs.some(([, ...both]) => both.every(({ values }) => values[place] !== null)));
    if (!places.length) return [element("p", { class: "note" }, say("js.no_slices", { count: live.num_with_slices }))];
    const select = element("select", { id: "compared-metric" });
    for (const place of places) select.append(element("option", { value: place }, metricName(live.metrics[place])));
    const frame = element("div", {}, slicesTable(pairs, names, places[0]));
    select.addEventListener("change", () => frame.replaceChildren(slicesTable(pairs, names, Number(select.value))));
    const label = element("label", { for: select.id }, say("js.by_metric"));
    return [element("p", { class: "toolbar-item" }, label, select), frame];
  };

  const settingsPart = (one, other, names) => {
    const settings = [one, other].map(
      (run) => new Map([...live.groups[run.group], ...run.settings].map((place) => live.settings[place])),
    );
    const keys = new Set(settings.flatMap((own) => [...own.keys()]));
    const lines = [...keys]
      .filter((key) => settings[0].get(key) !== settings[1].get(key))
      .sort()
      .map((key) => line(key, ...settings.map((own) => element("td", {}, own.get(key) ?? say("js.absent")))));
    if (!lines.length) return element("p", {}, say("js.no_settings"));
    return table("js.settings_caption", [say("js.setting"), ...names], lines, false);
  };

  const introduction = (row, key) => {
    const [name, verdict, pipeline, task] = row.cells;
    const words = [nameOf(row), pipeline.textContent, task.textContent, verdict.firstElementChild.textContent];
    const link = name.querySelector("a");
    const address = link ? [element("a", { href: link.getAttribute("href") }, say("js.page"))] : [];
    return element("p", {}, element("strong", {}, say(key)), `: ${words.join(", ")}. `, ...address);
  };

  const compare = () => {
    const pair = [...chosen].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
    const [one, other] = pair.map((row) => runs.get(row));
    const names = pair.map(nameOf);
    byId("compared").replaceChildren(
      ...["js.first", "js.second"].map((key, place) => introduction(pair[place], key)),
      ...(one.group === other.group ? [] : [element("p", { class: "note" }, say("js.other_group"))]),
      element("h3", {}, say("js.metrics")),
      metricsPart(one, other, names),
      element("h3", {}, say("js.slices")),
      ...slicesPart(one, other, names),
      element("h3", {}, say("js.settings")),
      settingsPart(one, other, names),
    );
    byId("comparison").hidden = false;
  };

  rows.forEach(makeChoice);
  byId("filters").addEventListener("input", filter);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(filter));
  byId("compare").addEventListener("click", () => {
    compare();
    byId("comparison-title").focus();
  });
  page.onLanguage(() => {
    nameChoices();
    tell();
    if (!byId("comparison").hidden) compare();
  });
  nameChoices();
  filter();
})();
