"use strict";
// The page's parts together: search, region, tabs and addresses (`#map`, `#<key>`, `?district=<key>`).
(() => {
  const { data, chosen, places } = communities;
  const { all, fill: say, element } = page;
  const byId = (id) => document.getElementById(id);
  const panels = all("section.panel");
  const views = panels.map((panel) => panel.dataset.view);
  let parts = null;
  let shown = null; // the community of the sheet

  // The address is what counts: links, the buttons and Back all lead here.

  const address = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return location.hash.slice(1);
    }
  };
  const go = (to) => {
    if (address() === to) route();
    else location.hash = encodeURIComponent(to);
  };
  const openSheet = (place) => go(data.key[place]);

  const showSheet = () => {
    byId("sheet-body").replaceChildren(...(shown === null ? [] : parts.sheet(shown)));
    byId("sheet-empty").hidden = shown !== null;
    byId("sheet-tools").hidden = shown === null;
  };

  const select = makeTabs((panel, isByReader) => {
    const { view } = panel.dataset;
    document.body.dataset.view = view;
    if (isByReader) location.hash = view === "sheet" && shown !== null ? encodeURIComponent(data.key[shown]) : view;
  });

  const route = () => {
    const to = address();
    const isView = views.includes(to);
    if (!isView && places.has(to)) {
      shown = places.get(to);
      communities.choose({ community: shown });
      showSheet();
      if (document.body.dataset.view !== "sheet") {
        select(views.indexOf("sheet"), false);
        window.scrollTo(0, 0);
      }
      if (!document.activeElement?.matches("[role=tab]")) byId("sheet-name").focus({ preventScroll: true });
    } else if (isView || !to) {
      select(Math.max(views.indexOf(to), 0), false);
    }
  };

  const map = byId("map-canvas") ? makeMap(openSheet) : null;
  parts = makeSheet(map?.locator);
  makeRanking(openSheet);
  if (byId("plan-table")) makePlan(openSheet);

  // Beside the map.

  const showCard = () => {
    if (!map) return;
    const place = chosen.community;
    byId("map-card").hidden = place === null;
    byId("map-hint").hidden = place !== null;
    if (place === null) return;
    const open = element("button", { type: "button" }, say("js.open_sheet"));
    open.addEventListener("click", () => openSheet(place));
    byId("map-card").replaceChildren(...parts.card(place), element("p", {}, open));
  };
  communities.onChoice(showCard);

  // Region.

  const region = byId("region");
  data.regions.forEach((name, place) => region.append(element("option", { value: place }, name)));
  region.value = "-1";
  region.addEventListener("change", () => communities.choose({ region: Number(region.value) }));
  communities.onChoice((changes) => {
    if (changes.region !== undefined) region.value = String(changes.region);
  });

  // Search, as a combobox of WAI-ARIA.

  const search = byId("search");
  const list = byId("search-list");
  let found = [];
  let active = -1;
  const close = () => {
    list.hidden = true;
    active = -1;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  };
  const mark = (place) => {
    active = place;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === place)));
    list.children[place]?.scrollIntoView({ block: "nearest" });
    search.setAttribute("aria-activedescendant", `found-${place}`);
  };
  const take = (place) => {
    search.value = "";
    close();
    if (document.body.dataset.view === "map") {
      if (!communities.isInRegion(place)) communities.choose({ region: -1 });
      communities.choose({ community: place });
      map.show(place);
    } else {
      openSheet(place);
    }
  };
  const suggest = () => {
    found = communities.find(search.value, 8);
    if (!search.value.trim()) return close();
    const options = found.map((place, at) => {
      const option = element("li", { role: "option", id: `found-${at}`, "aria-selected": "false" },
        element("bdi", {}, data.name[place]),
        element("small", {}, " ", element("bdi", {}, data.regions[data.region[place]]), ` · ${data.key[place]}`));
      option.addEventListener("mousedown", (event) => event.preventDefault());
      option.addEventListener("click", () => take(place));
      return option;
    });
    list.replaceChildren(...options);
    list.hidden = !found.length;
    search.setAttribute("aria-expanded", String(found.length > 0));
    byId("search-status").textContent = found.length ? say("js.found", { count: found.length }) : say("js.not_found");
    if (found.length) mark(0);
    else close();
  };
  search.addEventListener("input", suggest);
  search.addEventListener("blur", close);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && found.length && !list.hidden) mark((active + 1) % found.length);
    else if (event.key === "ArrowUp" && found.length && !list.hidden) mark((active - 1 + found.length) % found.length);
    else if (event.key === "Enter" && active >= 0) take(found[active]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });

  // A frame may not print; the page in a window of its own may. Paper is white in both themes.

  const isFramed = window.parent !== window;
  byId("print").hidden = isFramed;
  byId("print-framed").hidden = !isFramed;
  byId("print").addEventListener("click", () => window.print());
  let theme = null;
  window.addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme ?? "";
    document.documentElement.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  });

  page.onLanguage(() => {
    showSheet();
    showCard();
  });
  showSheet();
  showCard();
  window.addEventListener("hashchange", route);
  const asked = [...new URLSearchParams(location.search).values()].find((value) => places.has(value));
  if (asked !== undefined && !location.hash) go(asked);
  else route();
})();
