"use strict";
// A community in words: beside the map in short, and as a sheet of one printed page.
const makeSheet = (locator) => {
  const { data, size, worse, own, plain, withUnit, level, change, money, planned } = communities;
  const { element, fill: say, number } = page;
  const whole = (value) => number(value, 0);
  const name = (place) => element("bdi", {}, data.name[place]);
  const regionOf = (place) => element("bdi", {}, data.regions[data.region[place]]);

  const median = (values) => {
    const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
    return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
  };

  const rankWords = (place) =>
    say("js.rank_words", {
      rank: whole(data.rank[place]),
      total: whole(size),
      low: whole(data.rankLower[place]),
      high: whole(data.rankUpper[place]),
      level: String(Math.round(100 * data.level)),
    });

  const otherRanks = (place) => {
    if (!data.others.length) return [];
    const ranks = data.others.map(({ title, rank }) => say("js.other_rank", { rank: whole(rank[place]), title: own(title) }));
    return [element("p", { class: "muted" }, say("js.other_ranks"), " ", ranks.join("; "), ".")];
  };

  const isWorst = (place) =>
    data.cut !== null && worse * (data.predicted[place] - data.cut) > 0;

  const driverWords = ({ value, typical, unit, effect }) => {
    const write = (number) => (number === null ? "" : withUnit(plain(number), unit));
    const values = { value: write(value), typical: write(typical) };
    const compared = say(value === null ? "js.driver.missing" : "js.driver.value", values);
    const amount = change(Math.abs(effect), false);
    const direction = effect > 0 ? "js.driver.higher" : effect < 0 ? "js.driver.lower" : "js.driver.same";
    return `${compared} ${say(direction, { effect: amount })}`;
  };

  const driverItem = (driver) => {
    const against = worse * driver.effect > 0;
    const mark = driver.effect === 0 ? "·" : against ? "▼" : "▲";
    return element("li", { class: driver.effect === 0 ? "" : against ? "against" : "for" },
      element("span", { class: "mark", "aria-hidden": "true" }, mark), element("b", {}, driver.title), ": ", driverWords(driver));
  };

  const driverList = (drivers, key) =>
    drivers.length ? [element("h4", {}, say(key)), element("ul", { class: "drivers" }, ...drivers.map(driverItem))] : [];

  const drivers = (place) => {
    const found = communities.driversOf(place);
    if (!found.length) return [element("p", { class: "muted" }, say("js.no_drivers"))];
    return [
      ...driverList(found.filter(({ effect }) => worse * effect > 0), "js.drivers.against"),
      ...driverList(found.filter(({ effect }) => worse * effect <= 0), "js.drivers.for"),
    ];
  };

  const facts = (place) => {
    const pairs = [[say("js.layer.predicted"), level(data.predicted[place]), communities.span(data.lower[place], data.upper[place], level)]];
    if (data.observed[place] !== null) pairs.push([say("js.layer.observed"), level(data.observed[place]), ""]);
    pairs.push([say("js.typical_of_all"), level(median(data.predicted)), ""]);
    if (data.population[place] !== null) pairs.push([say("js.people"), whole(data.population[place]), ""]);
    return element("dl", { class: "headline" },
      ...pairs.map(([title, value, range]) =>
        element("div", {}, element("dt", {}, title), element("dd", {}, value, range ? element("small", {}, ` ${range}`) : ""))));
  };

  const effects = (place) =>
    data.actions
      .map((_, action) => communities.effectOf(action, place))
      .sort((one, other) => other.fits - one.fits || other.effect - one.effect);

  const plannedWords = (place) => {
    if (!planned) return [];
    const titles = planned[place].map((action) => own(data.actions[action].title));
    return [element("p", {}, element("b", {}, say("js.in_plan")), " ", titles.join("; ") || say("js.nothing_planned"))];
  };

  // Beside the map.
  const card = (place) => {
    const best = effects(place).find(({ fits, effect }) => fits && effect > 0);
    return [
      element("h3", {}, name(place)),
      element("p", { class: "muted" }, regionOf(place)),
      element("p", {}, rankWords(place)),
      rankBar(place, 240),
      facts(place),
      ...driverList(communities.driversOf(place).filter(({ effect }) => worse * effect > 0).slice(0, 3), "js.drivers.against"),
      ...(best
        ? [element("p", {}, element("b", {}, say("js.best")), ` ${own(data.actions[best.action].title)}: ${change(best.effect)} (${communities.span(best.lower, best.upper, (value) => number(value, data.decimals, true))}).`)]
        : []),
      ...plannedWords(place),
    ];
  };

  const flags = ({ action, fits, extrapolates, isPlanned }) => {
    const said = [];
    if (isPlanned) said.push(element("span", { class: "flag good" }, say("js.flag.planned")));
    if (!fits) said.push(element("span", { class: "flag" }, say("js.no_fit")));
    if (fits && extrapolates) said.push(element("span", { class: "flag bad" }, say("js.flag.extrapolates")));
    if (fits && data.actions[action].isDoubted) said.push(element("span", { class: "flag bad" }, say("js.flag.doubted")));
    if (data.actions[action].zero) said.push(element("small", {}, own(data.actions[action].zero)));
    return said.flatMap((one) => [one, " "]);
  };

  const actionTable = (place) => {
    const head = ["js.column.action", "js.column.change", "js.column.cost", "js.column.notes"];
    return element("table", { class: "actions" },
      element("caption", { class: "visually-hidden" }, say("js.actions_here")),
      element("thead", {}, element("tr", {}, ...head.map((key, at) => element("th", { scope: "col", class: at === 1 || at === 2 ? "num" : "" }, say(key))))),
      element("tbody", {}, ...effects(place).map((one) =>
        element("tr", { class: one.fits ? "" : "unfit" },
          element("th", { scope: "row" }, own(data.actions[one.action].title)),
          element("td", { class: "num" }, ...(one.fits ? [change(one.effect), " ", element("small", {}, communities.span(one.lower, one.upper, (value) => number(value, data.decimals, true)))] : [say("js.none")])),
          element("td", { class: "num" }, one.fits ? money(one.cost, data.actions[one.action].currency) : say("js.none")),
          element("td", { class: "words" }, ...flags(one)),
        ))));
  };

  const sheet = (place) => {
    const picture = locator?.(place);
    return [
      element("div", { class: "sheet-head" },
        element("div", {},
          element("h2", { id: "sheet-name", tabindex: "-1" }, name(place)),
          element("p", { class: "muted" }, regionOf(place), ` · ${data.key[place]}`),
          element("p", { class: "rank" }, rankWords(place)),
          rankBar(place, 240),
          element("p", { class: "muted ends" }, element("span", {}, say("js.most")), element("span", {}, say("js.least"))),
          ...otherRanks(place),
          ...(isWorst(place) ? [element("p", {}, element("span", { class: "flag bad" }, say("js.worst")))] : []),
        ),
        ...(picture ? [picture] : []),
      ),
      facts(place),
      element("h3", {}, say("js.drivers")),
      ...drivers(place),
      ...(data.actions.length ? [element("h3", {}, say("js.actions_here")), element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": say("js.actions_here") }, actionTable(place))] : []),
      ...plannedWords(place),
    ];
  };

  return { card, sheet };
};
