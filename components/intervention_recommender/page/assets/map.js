"use strict";
// The map: its legend, and what mouse, finger and keyboard do with it.
const makeMap = (openSheet) => {
  const { data, size, chosen, own } = communities;
  const { fill: say, element } = page;
  const byId = (id) => document.getElementById(id);
  const canvas = byId("map-canvas");
  const scratch = document.createElement("canvas").getContext("2d");
  const tip = byId("map-tip");
  const TOUCH = 14; // pixels within which a finger hits a point

  const shapes = makeShapes();
  const { places } = shapes;
  const { layers, classOf, colourOf, fillOf, rangeText } = makeLayers();
  const painter = makePainter(canvas, shapes, fillOf);
  let layer = layers[0];

  const draw = () => {
    if (camera.isSized()) painter.paint(camera.view, layer);
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
  const camera = makeCamera(canvas, shapes, () => {
    canvas.style.touchAction = camera.isZoomed() ? "none" : "pan-x pan-y";
    byId("zoom-all").disabled = !camera.isZoomed();
    redraw();
  });

  const showLegend = () => {
    const numClasses = layer.values.some((value) => value !== null) ? layer.bounds.length + 1 : 0;
    const counts = Array(numClasses).fill(0);
    let numWithout = 0;
    layer.values.forEach((value, place) => {
      if (!places[place] || !communities.isInRegion(place)) return;
      if (value === null) numWithout += 1;
      else counts[classOf(layer, value)] += 1;
    });
    const item = (swatch, text, count) =>
      element("li", {}, element("i", { class: `swatch ${swatch}` }), element("span", {}, text),
        element("small", {}, page.number(count, 0)));
    const items = counts.map((count, place) =>
      item(layer.isCount && !place ? "c-none" : `c${colourOf(layer, place)}`, rangeText(layer, place), count),
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

  // What lies under the pointer.

  const at = (x, y, reach) => {
    const [gridX, gridY] = camera.toGrid(x, y);
    let nearest = null;
    let distance = reach / camera.view.scale;
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
    tip.style.left = `${camera.clamp(x + 14, 0, Math.max(camera.width() - tip.offsetWidth - 4, 0))}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > camera.height() ? Math.max(y - tip.offsetHeight - 10, 0) : y + 18}px`;
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
      camera.zoomAt(spread([x, y]) / spread(before), (x + still[0]) / 2, (y + still[1]) / 2);
      camera.moveBy(shiftX / 2, shiftY / 2);
    } else {
      camera.moveBy(shiftX, shiftY);
    }
    pointers.set(event.pointerId, [x, y]);
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
  canvas.addEventListener("dblclick", (event) => camera.zoomAt(2, ...inside(event)));
  // Without the focus or a key the wheel scrolls the page.
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      camera.zoomAt(1.0015 ** -event.deltaY, ...inside(event));
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

  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (steps) {
      const place = neighbour(...steps);
      if (place !== null) {
        select(place);
        camera.bringIntoView(places[place].centre);
      }
    } else if (event.key === "+" || event.key === "=") camera.zoomAt(1.5);
    else if (event.key === "-") camera.zoomAt(1 / 1.5);
    else if (event.key === "0" || event.key === "Escape") camera.zoomToRegion();
    else if (event.key === "Enter" && chosen.community !== null) openSheet(chosen.community);
    else return;
    event.preventDefault();
  });

  byId("zoom-in").addEventListener("click", () => camera.zoomAt(1.6));
  byId("zoom-out").addEventListener("click", () => camera.zoomAt(1 / 1.6));
  byId("zoom-all").addEventListener("click", () => {
    if (chosen.region < 0) camera.zoomToRegion();
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
    painter.forgetColours();
    draw();
  };
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new ResizeObserver(() => {
    painter.forgetColours(); // The hatching is as fine as the screen.
    camera.resize();
  }).observe(canvas);
  communities.onChoice((changes) => {
    if (changes.region !== undefined) {
      showLegend();
      if (camera.isSized()) camera.zoomToRegion();
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

  return {
    locator: shapes.locator,
    show: (place) => {
      if (!places[place]) return;
      camera.resize();
      const { box } = places[place];
      const room = [box[0] - (box[2] - box[0]), box[1] - (box[3] - box[1]), 2 * box[2] - box[0], 2 * box[3] - box[1]];
      camera.zoomTo(room);
      announce();
    },
  };
};
