"use strict";
// The shapes on the map: a path and a box for each community, the lines between regions.
const makeShapes = () => {
  const { data } = communities;

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

  return { places, regionBorders, boxOf, locator };
};
