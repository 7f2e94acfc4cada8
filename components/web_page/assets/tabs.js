"use strict";
// Tabs as of WAI-ARIA: arrows, Home and End move among them. Returns a function that selects a tab by its place;
// `onSelect` gets the panel, and whether the reader chose it.

const makeTabs = (onSelect = () => {}) => {
  const { all, say } = page;
  const panels = all("section.panel");
  const list = document.querySelector("nav.contents");
  const tabs = all("a", list).map((link, place) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `tab-${panels[place].id}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panels[place].id);
    tab.append(...link.childNodes);
    return tab;
  });
  const select = (place, hasFocus) => {
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === place));
      tab.tabIndex = other === place ? 0 : -1;
      panels[other].hidden = other !== place;
    });
    if (hasFocus) tabs[place].focus();
    list.scrollLeft = tabs[place].offsetLeft - (list.clientWidth - tabs[place].offsetWidth) / 2;
    onSelect(panels[place], hasFocus);
  };
  const bar = document.createElement("div");
  bar.className = "tabs";
  bar.setAttribute("role", "tablist");
  bar.dataset.ta = "aria-label:js.tabs";
  bar.setAttribute("aria-label", say("js.tabs"));
  bar.append(...tabs);
  list.replaceChildren(bar);
  panels.forEach((panel, place) => {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tabs[place].id);
    panel.tabIndex = 0;
  });
  bar.addEventListener("click", (event) => {
    const place = tabs.indexOf(event.target.closest("[role=tab]"));
    if (place >= 0) select(place, true);
  });
  bar.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(document.activeElement);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    select((next + tabs.length) % tabs.length, true);
  });
  select(0, false);
  return select;
};
