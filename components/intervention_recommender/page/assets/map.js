"use strict";
// The map: layers, legend, zoom and pan by mouse, finger and keyboard.
const makeMap = (openSheet) => {
  const { data, size, worse, chosen, planned } = communities;
  const { own, level, change } = communities;
  const { fill: say, element } = page;
  const byId = (id) => document.getElementById(id);
  const canvas = byId("map-canvas");
  const context = canvas.getContext("2d");
  const scratch = document.createElement("canvas").getContext("2d");
  const tip = byId("map-tip");
  const NUM_COLOURS = 6;
  const TOUCH = 14; // pixels within which a finger hits a point
  const MAX_ZOOM = 200;

  // Shapes: a path and a box for each community, the lines between regions.

  const lines = data.map.arcs.map((steps) => {
    const points = [];
    let [x, y] = [0, 0];
    for (let at = 0; at < steps.length; at += 2) {
      x += steps[at];
      y += steps[at + 1];
      points.push([x, y]);
    }
    return points;
  });

  const ringPoints = (ring) =>
    ring.flatMap((place) => {
      const points = place < 0 ? [...lines[~place]].reverse() : lines[place];
      return points.slice(1);
    });

  const places = data.key.map((_, place) => {
    const rings = (data.map.rings[place] ?? []).map(ringPoints);
    if (!rings.length) {
      const point = data.map.points[place];
      return point && { point, box: [...point, ...point], centre: point };
    }
    const path = new Path2D();
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const points of rings) {
      points.forEach(([x, y], at) => {
        if (at) path.lineTo(x, y);
        else path.moveTo(x, y);
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x);
        box[3] = Math.max(box[3], y);
      });
      path.closePath();
    }
    return { path, rings, box, centre: [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] };
  });

  const regionBorders = (() => {
    const beside = lines.map(() => new Set());
    data.map.rings.forEach((rings, place) => {
      for (const ring of rings ?? []) {
        for (const arc of ring) beside[arc < 0 ? ~arc : arc].add(data.region[place]).add(-place - 1);
      }
    });
    const path = new Path2D();
    lines.forEach((points, arc) => {
      const numRegions = [...beside[arc]].filter((one) => one >= 0).length;
      const numCommunities = beside[arc].size - numRegions;
      if (numRegions < 2 && numCommunities > 1) return;
      points.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
    });
    return path;
  })();

  const boxOf = (chosenPlaces) => {
    const boxes = chosenPlaces.map((place) => places[place]?.box).filter(Boolean);
    if (!boxes.length) return [0, 0, data.map.width, data.map.height];
    return [0, 1, 2, 3].map((side) => Math[side < 2 ? "min" : "max"](...boxes.map((box) => box[side])));
  };

  // Layers: a value for each community, and bounds of classes.

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
  let layer = layers[0];

  const classOf = (value) => {
    let place = 0;
    while (place < layer.bounds.length && value >= layer.bounds[place]) place += 1;
    return place;
  };
  // Classes spread over the colours, the last of which stands out most.
  const colourOf = (place) => {
    const last = layer.bounds.length;
    if (layer.isCount) return place ? Math.round(2 + ((NUM_COLOURS - 3) * place) / last) : 0;
    if (!last) return 3;
    const share = layer.isHighSalient ? place / last : 1 - place / last;
    return Math.round(share * (NUM_COLOURS - 1));
  };

  const rangeText = (place) => {
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

  const showLegend = () => {
    const numClasses = layer.values.some((value) => value !== null) ? layer.bounds.length + 1 : 0;
    const counts = Array(numClasses).fill(0);
    let numWithout = 0;
    layer.values.forEach((value, place) => {
      if (!places[place] || !communities.isInRegion(place)) return;
      if (value === null) numWithout += 1;
      else counts[classOf(value)] += 1;
    });
    const item = (swatch, text, count) =>
      element("li", {}, element("i", { class: `swatch ${swatch}` }), element("span", {}, text),
        element("small", {}, page.number(count, 0)));
    const items = counts.map((count, place) =>
      item(layer.isCount && !place ? "c-none" : `c${colourOf(place)}`, rangeText(place), count),
    );
    if (!layer.isHighSalient) items.reverse();
    items.reverse();
    if (numWithout) items.push(item("c-missing", say(layer.none ?? "js.no_data"), numWithout));
    byId("legend-title").textContent = layer.title();
    byId("legend").replaceChildren(...items);
    const action = data.actions[layer.action];
    const notes = action ? [action.zero ? own(action.zero) : say("js.effect_note")] : [];
    if (action?.isDoubted) notes.push(say("js.doubted_note"));
    const note = notes.join(" ");
    byId("map-note").textContent = note;
    byId("map-note").hidden = !note;
  };

  // Drawing.

  const view = { scale: 1, x: 0, y: 0, fit: 1 };
  let colours = null;
  let ratio = 1;
  let isSized = false;

  // A canvas knows no variables of the style: the swatches' colours are read as the browser resolved them.
  const readColours = () => {
    const probe = element("i", { class: "swatch" });
    byId("legend").append(probe);
    const read = (name) => {
      probe.className = `swatch ${name}`;
      return getComputedStyle(probe).color;
    };
    colours = Object.fromEntries(
      ["c0", "c1", "c2", "c3", "c4", "c5", "c-none", "c-missing", "c-paper", "c-ink", "c-edge"].map((name) => [name, read(name)]),
    );
    probe.remove();
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6 * ratio;
    const pen = tile.getContext("2d");
    pen.fillStyle = colours["c-none"];
    pen.fillRect(0, 0, tile.width, tile.height);
    pen.strokeStyle = colours["c-missing"];
    pen.lineWidth = ratio;
    pen.beginPath();
    for (const shift of [-6, 0, 6]) {
      pen.moveTo((shift - 1) * ratio, 7 * ratio);
      pen.lineTo((shift + 7) * ratio, -ratio);
    }
    pen.stroke();
    colours.hatch = tile;
  };

  const fillOf = (place) => {
    const value = layer.values[place];
    if (value === null) return "hatch";
    const at = classOf(value);
    return layer.isCount && !at ? "c-none" : `c${colourOf(at)}`;
  };

  const draw = () => {
    if (!isSized) return;
    if (!colours) readColours();
    const { scale, x, y } = view;
    const [width, height] = [canvas.width, canvas.height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const hatch = context.createPattern(colours.hatch, "repeat");
    const grid = () => context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    grid();
    // A pattern is drawn in the grid's units, which are far too small for it.
    hatch.setTransform(new DOMMatrix().scale(1 / (scale * ratio)));
    const pixel = 1 / scale;
    const [left, top] = [-x / scale, -y / scale];
    const [right, bottom] = [left + width / ratio / scale, top + height / ratio / scale];
    const isSeen = ({ box }) => box[0] <= right && box[2] >= left && box[1] <= bottom && box[3] >= top;
    const seen = [];
    for (let place = 0; place < size; place += 1) if (places[place] && isSeen(places[place])) seen.push(place);
    context.lineJoin = "round";
    for (const place of seen) {
      const { path } = places[place];
      if (!path) continue;
      const fill = fillOf(place);
      context.globalAlpha = communities.isInRegion(place) ? 1 : 0.22;
      context.fillStyle = fill === "hatch" ? hatch : colours[fill];
      context.fill(path, "evenodd");
      context.strokeStyle = colours["c-paper"];
      context.lineWidth = 0.4 * pixel;
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.strokeStyle = colours["c-edge"];
    context.lineWidth = 0.9 * pixel;
    context.stroke(regionBorders);
    const radius = 3.2 * pixel;
    for (const place of seen) {
      const { path, point } = places[place];
      if (path) continue;
      const fill = fillOf(place);
      context.globalAlpha = communities.isInRegion(place) ? 1 : 0.22;
      context.beginPath();
      context.arc(...point, radius, 0, 2 * Math.PI);
      context.fillStyle = fill === "hatch" ? hatch : colours[fill];
      context.fill();
      context.strokeStyle = colours["c-ink"];
      context.lineWidth = 0.6 * pixel;
      context.stroke();
    }
    context.globalAlpha = 1;
    const marked = chosen.community === null ? null : places[chosen.community];
    if (marked) {
      const outline = marked.path ?? new Path2D();
      if (!marked.path) outline.arc(...marked.point, 1.6 * radius, 0, 2 * Math.PI);
      for (const [colour, wide] of [["c-paper", 5], ["c-ink", 2.5]]) {
        context.strokeStyle = colours[colour];
        context.lineWidth = wide * pixel;
        context.stroke(outline);
      }
      // A community that is too small to see at this zoom gets a ring around it.
      const across = Math.max(marked.box[2] - marked.box[0], marked.box[3] - marked.box[1]) * scale;
      if (across < 14) {
        context.beginPath();
        context.arc(...marked.centre, 11 * pixel, 0, 2 * Math.PI);
        context.strokeStyle = colours["c-ink"];
        context.lineWidth = 2 * pixel;
        context.stroke();
      }
    }
  };

  let isAsked = false;
  const redraw = () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };

  // Zoom and pan.

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const width = () => canvas.clientWidth;
  const height = () => canvas.clientHeight;

  const settle = () => {
    view.scale = clamp(view.scale, view.fit, view.fit * MAX_ZOOM);
    const reach = (shift, extent, room) =>
      extent <= room ? (room - extent) / 2 : clamp(shift, room - extent - room / 3, room / 3);
    view.x = reach(view.x, data.map.width * view.scale, width());
    view.y = reach(view.y, data.map.height * view.scale, height());
    canvas.style.touchAction = view.scale > 1.01 * view.fit ? "none" : "pan-x pan-y";
    byId("zoom-all").disabled = view.scale <= 1.01 * view.fit;
    redraw();
  };

  const zoomAt = (factor, x = width() / 2, y = height() / 2) => {
    const scale = clamp(view.scale * factor, view.fit, view.fit * MAX_ZOOM);
    view.x = x - ((x - view.x) * scale) / view.scale;
    view.y = y - ((y - view.y) * scale) / view.scale;
    view.scale = scale;
    settle();
  };

  const zoomTo = ([left, top, right, bottom], margin = 1.12) => {
    const least = data.map.width / 60 || 1; // the surroundings of a single community
    const wide = Math.max((right - left) * margin, least);
    const high = Math.max((bottom - top) * margin, least);
    view.scale = clamp(Math.min(width() / wide, height() / high), view.fit, view.fit * MAX_ZOOM);
    view.x = width() / 2 - ((left + right) / 2) * view.scale;
    view.y = height() / 2 - ((top + bottom) / 2) * view.scale;
    settle();
  };

  const zoomToRegion = () => {
    if (chosen.region < 0) zoomTo([0, 0, data.map.width, data.map.height], 1);
    else zoomTo(boxOf(data.key.map((_, place) => place).filter(communities.isInRegion)));
  };

  const resize = () => {
    if (!width()) return;
    const isFirst = !isSized;
    isSized = true;
    ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width() * ratio);
    canvas.height = Math.round(height() * ratio);
    const [wide, high] = [Math.max(data.map.width, 1), Math.max(data.map.height, 1)];
    view.fit = 0.96 * Math.min(width() / wide, height() / high);
    colours = null;
    if (isFirst) zoomToRegion();
    else settle();
  };

  // What lies under the pointer.

  const at = (x, y, reach) => {
    const [gridX, gridY] = [(x - view.x) / view.scale, (y - view.y) / view.scale];
    let nearest = null;
    let distance = reach / view.scale;
    places.forEach((one, place) => {
      if (!one || one.path) return;
      const away = Math.hypot(one.point[0] - gridX, one.point[1] - gridY);
      if (away <= distance) [nearest, distance] = [place, away];
    });
    if (nearest !== null) return nearest;
    const found = places.findIndex(
      (one) =>
        one?.path && gridX >= one.box[0] && gridX <= one.box[2] && gridY >= one.box[1] && gridY <= one.box[3] &&
        scratch.isPointInPath(one.path, gridX, gridY, "evenodd"),
    );
    return found < 0 ? null : found;
  };

  const valueText = (place) => {
    const value = layer.values[place];
    return value === null ? say(layer.none ?? "js.no_data") : layer.write(value);
  };

  const showTip = (place, x, y) => {
    tip.hidden = place === null;
    if (place === null) return;
    tip.replaceChildren(
      element("bdi", {}, data.name[place]),
      element("small", {}, element("bdi", {}, data.regions[data.region[place]])),
      element("span", {}, layer.id === "rank" ? say("js.rank_of", { rank: page.number(data.rank[place], 0), total: page.number(size, 0) }) : valueText(place)),
    );
    tip.style.left = `${clamp(x + 14, 0, Math.max(width() - tip.offsetWidth - 4, 0))}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > height() ? Math.max(y - tip.offsetHeight - 10, 0) : y + 18}px`;
  };

  const announce = () => {
    const place = chosen.community;
    byId("map-status").textContent =
      place === null ? "" : `${data.name[place]}, ${data.regions[data.region[place]]}: ${valueText(place)}`;
  };

  const select = (place) => {
    communities.choose({ community: place });
    announce();
  };

  const pointers = new Map();
  let isDragged = false;
  const inside = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, inside(event));
    isDragged = pointers.size > 1;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = inside(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") showTip(at(x, y, 6), x, y);
      return;
    }
    const [shiftX, shiftY] = [x - before[0], y - before[1]];
    if (!isDragged && Math.hypot(shiftX, shiftY) < 4) return;
    isDragged = true;
    showTip(null);
    if (pointers.size === 2) {
      const [, still] = [...pointers].find(([id]) => id !== event.pointerId);
      const spread = (point) => Math.hypot(point[0] - still[0], point[1] - still[1]) || 1;
      zoomAt(spread([x, y]) / spread(before), (x + still[0]) / 2, (y + still[1]) / 2);
      view.x += shiftX / 2;
      view.y += shiftY / 2;
    } else {
      view.x += shiftX;
      view.y += shiftY;
    }
    pointers.set(event.pointerId, [x, y]);
    settle();
  });
  const lift = (event) => pointers.delete(event.pointerId);
  canvas.addEventListener("pointerup", (event) => {
    lift(event);
    if (isDragged) return;
    const place = at(...inside(event), event.pointerType === "mouse" ? 6 : TOUCH);
    if (place !== null) select(place);
  });
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => showTip(null));
  canvas.addEventListener("dblclick", (event) => zoomAt(2, ...inside(event)));
  // Without the focus or a key the wheel scrolls the page.
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoomAt(1.0015 ** -event.deltaY, ...inside(event));
    },
    { passive: false },
  );

  // The nearest community in the direction of an arrow key, sideways distance counting double.
  const neighbour = (stepX, stepY) => {
    const from = chosen.community === null ? null : places[chosen.community];
    if (!from) {
      const shown = data.key.map((_, place) => place).filter((place) => places[place] && communities.isInRegion(place));
      return shown.reduce((one, other) => (one === null || data.rank[other] < data.rank[one] ? other : one), null);
    }
    let best = null;
    let least = Infinity;
    places.forEach((one, place) => {
      if (!one || place === chosen.community || !communities.isInRegion(place)) return;
      const [x, y] = [one.centre[0] - from.centre[0], one.centre[1] - from.centre[1]];
      const along = x * stepX + y * stepY;
      const aside = Math.abs(x * stepY) + Math.abs(y * stepX);
      if (along > 0 && aside <= 1.5 * along && along + 2 * aside < least) [best, least] = [place, along + 2 * aside];
    });
    return best;
  };

  const bringIntoView = (place) => {
    const [x, y] = places[place].centre;
    const [shownX, shownY] = [x * view.scale + view.x, y * view.scale + view.y];
    if (shownX < 20 || shownX > width() - 20) view.x += width() / 2 - shownX;
    if (shownY < 20 || shownY > height() - 20) view.y += height() / 2 - shownY;
    settle();
  };

  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (steps) {
      const place = neighbour(...steps);
      if (place !== null) {
        select(place);
        bringIntoView(place);
      }
    } else if (event.key === "+" || event.key === "=") zoomAt(1.5);
    else if (event.key === "-") zoomAt(1 / 1.5);
    else if (event.key === "0" || event.key === "Escape") zoomToRegion();
    else if (event.key === "Enter" && chosen.community !== null) openSheet(chosen.community);
    else return;
    event.preventDefault();
  });

  byId("zoom-in").addEventListener("click", () => zoomAt(1.6));
  byId("zoom-out").addEventListener("click", () => zoomAt(1 / 1.6));
  byId("zoom-all").addEventListener("click", () => {
    if (chosen.region < 0) zoomToRegion();
    else communities.choose({ region: -1 });
  });

  // The choice of a layer, in groups.

  const choice = byId("layer");
  const writeChoice = () => {
    const groups = new Map();
    for (const one of layers) {
      if (!groups.has(one.group)) groups.set(one.group, element("optgroup", { label: say(one.group) }));
      groups.get(one.group).append(element("option", { value: one.id }, one.title()));
    }
    choice.replaceChildren(...groups.values());
    choice.value = layer.id;
  };
  const chooseLayer = () => {
    layer = layers.find((one) => one.id === choice.value);
    showLegend();
    announce();
    redraw();
  };
  choice.addEventListener("change", chooseLayer);

  const repaint = () => {
    colours = null;
    draw();
  };
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new ResizeObserver(resize).observe(canvas);
  communities.onChoice((changes) => {
    if (changes.region !== undefined) {
      showLegend();
      if (isSized) zoomToRegion();
    }
    redraw();
  });
  const write = () => {
    writeChoice();
    showLegend();
    announce();
  };
  page.onLanguage(write);
  write();

  // A small map of a community among its region's, as SVG that prints sharply.
  const locator = (place) => {
    if (!places[place]) return null;
    const beside = data.key.map((_, other) => other).filter((other) => data.region[other] === data.region[place]);
    const [left, top, right, bottom] = boxOf(beside);
    const across = Math.max(right - left, bottom - top, data.map.width / 60, 1);
    const svg = (tag, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    const margin = across / 25;
    const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
    const [wide, high] = [Math.max(right - left, across / 3), Math.max(bottom - top, across / 3)];
    const drawing = svg("svg", {
      viewBox: [middleX - wide / 2 - margin, middleY - high / 2 - margin, wide + 2 * margin, high + 2 * margin].join(" "),
      class: "locator",
      "aria-hidden": "true",
    });
    const ordered = [...beside.filter((other) => other !== place), place];
    for (const other of ordered) {
      const { rings, point } = places[other] ?? {};
      const mark = other === place ? "here" : "";
      if (rings) {
        const d = rings.map((points) => `M${points.map((one) => one.join(",")).join("L")}Z`).join("");
        drawing.append(svg("path", { d, class: mark }));
      }
      if (point) drawing.append(svg("circle", { cx: point[0], cy: point[1], r: across / (mark ? 45 : 110), class: mark }));
    }
    const { box, centre } = places[place];
    if (Math.max(box[2] - box[0], box[3] - box[1]) < across / 14) {
      drawing.append(svg("circle", { cx: centre[0], cy: centre[1], r: across / 14, class: "around" }));
    }
    return drawing;
  };

  return {
    locator,
    show: (place) => {
      if (!places[place]) return;
      resize();
      const { box } = places[place];
      const room = [box[0] - (box[2] - box[0]), box[1] - (box[3] - box[1]), 2 * box[2] - box[0], 2 * box[3] - box[1]];
      zoomTo(room);
      announce();
    },
  };
};
