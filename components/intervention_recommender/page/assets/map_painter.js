"use strict";
// The map as a picture of one layer on a canvas.
const makePainter = (canvas, shapes, fillOf) => {
  const { size } = communities;
  const { places } = shapes;
  const { element } = page;
  const context = canvas.getContext("2d");
  let colours = null;

  // A canvas knows no variables of the style: the swatches' colours are read as the browser resolved them.
  const readColours = (ratio) => {
    const probe = element("i", { class: "swatch" });
    document.getElementById("legend").append(probe);
    const read = (name) => {
      probe.className = `swatch ${name}`;
      return getComputedStyle(probe).color;
    };
    const colours = Object.fromEntries(
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
    return { ...colours, hatch: tile };
  };

  // `view` has the grid's scale and shift in pixels of the page, and `ratio`, the screen's pixels in one of those.
  const paint = (view, layer) => {
    const { scale, x, y, ratio } = view;
    colours ??= readColours(ratio);
    const [width, height] = [canvas.width, canvas.height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const hatch = context.createPattern(colours.hatch, "repeat");
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
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
      const fill = fillOf(layer, place);
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
    context.stroke(shapes.regionBorders);
    const radius = 3.2 * pixel;
    for (const place of seen) {
      const { path, point } = places[place];
      if (path) continue;
      const fill = fillOf(layer, place);
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
    const marked = communities.chosen.community === null ? null : places[communities.chosen.community];
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

  return {
    paint,
    forgetColours: () => {
      colours = null;
    },
  };
};
