"use strict";
// Which part of the map is seen: `view` has the grid's scale and shift in pixels of the page.
const makeCamera = (canvas, shapes, onMove) => {
  const { data, chosen } = communities;
  const MAX_ZOOM = 200;
  const view = { scale: 1, x: 0, y: 0, fit: 1, ratio: 1 };
  let isSized = false;

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const width = () => canvas.clientWidth;
  const height = () => canvas.clientHeight;

  const settle = () => {
    view.scale = clamp(view.scale, view.fit, view.fit * MAX_ZOOM);
    const reach = (shift, extent, room) =>
      extent <= room ? (room - extent) / 2 : clamp(shift, room - extent - room / 3, room / 3);
    view.x = reach(view.x, data.map.width * view.scale, width());
    view.y = reach(view.y, data.map.height * view.scale, height());
    onMove();
  };

  const moveBy = (x, y) => {
    view.x += x;
    view.y += y;
    settle();
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
    else zoomTo(shapes.boxOf(data.key.map((_, place) => place).filter(communities.isInRegion)));
  };

  const bringIntoView = ([gridX, gridY]) => {
    const [x, y] = [gridX * view.scale + view.x, gridY * view.scale + view.y];
    const isOut = (one, room) => one < 20 || one > room - 20;
    moveBy(isOut(x, width()) ? width() / 2 - x : 0, isOut(y, height()) ? height() / 2 - y : 0);
  };

  // To be called when the canvas has another size; one that is not shown has none.
  const resize = () => {
    if (!width()) return;
    const isFirst = !isSized;
    isSized = true;
    view.ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width() * view.ratio);
    canvas.height = Math.round(height() * view.ratio);
    const [wide, high] = [Math.max(data.map.width, 1), Math.max(data.map.height, 1)];
    view.fit = 0.96 * Math.min(width() / wide, height() / high);
    if (isFirst) zoomToRegion();
    else settle();
  };

  return {
    view, width, height, clamp, moveBy, zoomAt, zoomTo, zoomToRegion, bringIntoView, resize,
    isSized: () => isSized,
    isZoomed: () => view.scale > 1.01 * view.fit,
    toGrid: (x, y) => [(x - view.x) / view.scale, (y - view.y) / view.scale],
  };
};
