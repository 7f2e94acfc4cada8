"use strict";
// What the map can show: of each layer a value for each community, the bounds of its classes, and their colours.
const makeLayers = () => {
  const { data, size, worse, planned, own, level, change } = communities;
  const { fill: say } = page;
  const NUM_COLOURS = 6;

  const quantile = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))];

  const classBounds = (values, shares) => {
    const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
    if (!sorted.length) return [];
    const step = 10 ** Math.floor(Math.log10((sorted.at(-1) - sorted[0]) / 40 || 1));
    const rounded = shares.map((share) => Math.round(quantile(sorted, share) / step) * step);
    const bounds = [...new Set(rounded)].filter((bound) => bound > sorted[0] && bound <= sorted.at(-1));
    return bounds;
  };
  const EQUAL = [1, 2, 3, 4, 5].map((part) => part / NUM_COLOURS);

  const bare = (isSigned) => (value) => page.number(value, data.decimals, isSigned);
  const measure = (id, group, title, values, isHighSalient, write) => ({
    id, group, title, values, isHighSalient, write, writeLow: bare(write === change), bounds: classBounds(values, EQUAL),
  });
  const isHighWorse = worse > 0;
  const layers = [
    measure("predicted", "js.layers.situation", () => own(data.outcome), data.predicted, isHighWorse, level),
    {
      id: "rank", group: "js.layers.situation", title: () => say("js.layer.rank"), values: data.rank,
      isHighSalient: false, write: (value) => page.number(value, 0), isWhole: true,
      bounds: [...new Set([0.05, 0.1, 0.2, 0.4, 0.6].map((share) => Math.round(share * size) + 1))].filter(
        (bound) => bound > 1 && bound <= size,
      ),
    },
  ];
  if (data.observed.some((value) => value !== null)) {
    const title = () => say("js.layer.observed");
    layers.push(measure("observed", "js.layers.situation", title, data.observed, isHighWorse, level));
  }
  data.actions.forEach((action, number) => {
    const values = data.key.map((_, place) => (action.fits[place] === "1" ? action.effect[place] : null));
    const layer = measure(`effect-${number}`, "js.layers.effects", () => own(action.title), values, true, change);
    layers.push({ ...layer, none: "js.no_fit", action: number });
  });
  if (planned) {
    const write = (value) => say(value === 1 ? "js.one_action" : "js.num_actions", { count: value });
    const counted = (id, title, values, bounds) => ({
      id, group: "js.layers.plan", title, values, isHighSalient: true, isWhole: true, isCount: true, bounds, write,
    });
    const counts = planned.map((actions) => actions.length);
    const most = Math.min(4, counts.reduce((one, other) => Math.max(one, other), 1));
    const bounds = Array.from({ length: most }, (_, at) => at + 1);
    layers.push(counted("plan", () => say("js.layer.plan"), counts, bounds));
    data.actions.forEach((action, number) => {
      const values = planned.map((actions) => Number(actions.includes(number)));
      if (values.some(Boolean)) {
        const layer = counted(`plan-${number}`, () => own(action.title), values, [1]);
        layers.push({ ...layer, write: (value) => say(value ? "js.planned" : "js.not_planned") });
      }
    });
  }

  const classOf = (layer, value) => {
    let place = 0;
    while (place < layer.bounds.length && value >= layer.bounds[place]) place += 1;
    return place;
  };
  // Classes spread over the colours, the last of which stands out most.
  const colourOf = (layer, place) => {
    const last = layer.bounds.length;
    if (layer.isCount) return place ? Math.round(2 + ((NUM_COLOURS - 3) * place) / last) : 0;
    if (!last) return 3;
    const share = layer.isHighSalient ? place / last : 1 - place / last;
    return Math.round(share * (NUM_COLOURS - 1));
  };

  const rangeText = (layer, place) => {
    const { bounds, write, isWhole, isCount } = layer;
    const [low, high] = [bounds[place - 1], bounds[place]];
    if (isCount) return place && place === bounds.length && bounds.length > 3 ? say("js.or_more", { from: write(low) }) : write(place);
    if (!bounds.length) return write(layer.values.find((value) => value !== null));
    if (isWhole) {
      const last = place < bounds.length ? bounds[place] - 1 : size;
      return communities.span(low ?? 1, last, write);
    }
    if (low === undefined) return say("js.below", { to: write(high) });
    if (high === undefined) return say("js.or_more", { from: write(low) });
    return `${layer.writeLow(low)} ${say("js.to")} ${write(high)}`;
  };

  const fillOf = (layer, place) => {
    const value = layer.values[place];
    if (value === null) return "hatch";
    const at = classOf(layer, value);
    return layer.isCount && !at ? "c-none" : `c${colourOf(layer, at)}`;
  };

  return { layers, classOf, colourOf, fillOf, rangeText };
};
