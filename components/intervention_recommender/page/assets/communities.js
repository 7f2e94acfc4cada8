"use strict";
// The communities, how their numbers are written, and what the reader has chosen.
const communities = (() => {
  const { number, fill: say } = page;
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const size = data.key.length;
  const places = new Map(data.key.map((key, place) => [key, place]));
  const worse = data.higherIsBetter ? -1 : 1; // the sign of a change for the worse
  const listeners = [];
  const chosen = { community: null, region: -1 };

  const own = ([english, spanish]) => (page.language === "es" ? spanish : english);

  // A number with as many decimals as its size asks for.
  const plain = (value, isSigned = false) => {
    const magnitude = Math.abs(value);
    const decimals =
      Number.isInteger(value) || magnitude >= 1000 ? 0 : magnitude >= 10 ? 1 : magnitude >= 0.1 || !magnitude ? 2 : 3;
    return number(value, decimals, isSigned);
  };
  const withUnit = (text, unit) => (unit ? `${text}\u00a0${unit}` : text);
  const differenceUnit = () => (own(data.unit) === "%" ? say("js.points") : own(data.unit));
  const level = (value) => (value === null ? say("js.none") : withUnit(number(value, data.decimals), own(data.unit)));
  const span = (low, high, write) => `${write(low)} ${say("js.to")} ${write(high)}`;
  const change = (value, isSigned = true) => withUnit(number(value, data.decimals, isSigned), differenceUnit());
  const money = (value, currency) =>
    `${new Intl.NumberFormat(page.locale, { maximumSignificantDigits: 3 }).format(value)} ${currency}`;

  // Search by name or key, without regard to accents and case; what begins so comes first.
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const folded = data.name.map((name, place) => `${fold(name)}\n${fold(data.key[place])}`);
  const find = (text, limit) => {
    const wanted = fold(text);
    if (!wanted) return [];
    const found = [];
    folded.forEach((names, place) => {
      const parts = names.split("\n");
      if (parts.some((part) => part.startsWith(wanted))) found.push([0, place]);
      else if (names.includes(wanted)) found.push([1, place]);
    });
    found.sort(([one, first], [other, second]) => one - other || data.rank[first] - data.rank[second]);
    return found.slice(0, limit).map(([, place]) => place);
  };

  const planned = data.choices && data.key.map(() => []);
  data.choices?.forEach(([community, action]) => planned[community].push(action));

  const effectOf = (action, place) => {
    const one = data.actions[action];
    return {
      action,
      effect: one.effect[place],
      lower: one.lower[place],
      upper: one.upper[place],
      cost: one.cost[place],
      fits: one.fits[place] === "1",
      extrapolates: one.extrapolates[place] === "1",
      isPlanned: planned ? planned[place].includes(action) : null,
    };
  };

  const driversOf = (place) => {
    const flat = data.drivers[place] ?? [];
    const found = [];
    for (let at = 0; at < flat.length; at += 3) {
      const [title, typical, unit] = data.features[flat[at]];
      found.push({ title: own(title), typical, unit, value: flat[at + 1], effect: flat[at + 2] });
    }
    return found;
  };

  const choose = (changes) => {
    Object.assign(chosen, changes);
    for (const listener of listeners) listener(changes);
  };

  return {
    data, size, places, worse, chosen, planned,
    own, plain, withUnit, level, span, change, money, find, effectOf, driversOf, choose,
    isInRegion: (place) => chosen.region < 0 || data.region[place] === chosen.region,
    onChoice: (listener) => listeners.push(listener),
  };
})();
