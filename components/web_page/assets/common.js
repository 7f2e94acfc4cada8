"use strict";
// What all pages share: languages, the reader's number format, the theme and tables that sort.
const page = (() => {
  const root = document.documentElement;
  const { texts } = JSON.parse(document.getElementById("live-data").textContent);
  const NUMBERS = ".n, .ns td, .dense b, .dense i"; // elements that hold numbers and nothing else
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const originals = new Map(all(NUMBERS).map((element) => [element, element.textContent]));
  const listeners = [];
  let language = "en";
  let locale = "en";
  let separators = { decimal: ".", group: "," };

  // A sentence with its values as they are; those of `say` are numbers of the page and become the reader's.
  const fill = (key, values = {}) => (texts[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const say = (key, values = {}) =>
    fill(key, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, localise(String(value))])));

  // Numbers are written the English way in the page: 1,234.5
  const localise = (text) =>
    text.replace(/\d[\d,]*(\.\d+)?/g, (number) =>
      number.replace(/[.,]/g, (mark) => (mark === "." ? separators.decimal : separators.group)),
    );

  const number = (value, decimals, isSigned = false) =>
    new Intl.NumberFormat(locale, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: isSigned ? "exceptZero" : "auto",
    })
      .format(value)
      .replace("-", "\u2212");

  const setLanguage = (chosen) => {
    language = chosen;
    const own = navigator.languages.find((tag) => tag.toLowerCase().startsWith(chosen));
    locale = own ?? chosen;
    const parts = new Intl.NumberFormat(locale).formatToParts(123456.7);
    separators = Object.fromEntries(parts.map((part) => [part.type, part.value]));
    root.lang = chosen;
    for (const element of all("[data-t]")) element.textContent = say(element.dataset.t, valuesOf(element));
    for (const element of all("[data-en]")) write(element, element.dataset[chosen]);
    for (const element of all("[data-ta]")) {
      const [name, key] = element.dataset.ta.split(":");
      element.setAttribute(name, say(key, valuesOf(element)));
    }
    for (const [element, text] of originals) element.textContent = localise(text);
    for (const button of all("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
    }
    for (const listener of listeners) listener();
  };

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // What stands between backticks is code.
  const write = (target, text) =>
    target.replaceChildren(...text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part)));
  const valuesOf = (element) => JSON.parse(element.dataset.v ?? "{}");

  const makeTheme = () => {
    const button = document.getElementById("theme");
    const prefersDark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      show();
    });
    prefersDark.addEventListener("change", show);
    show();
  };

  // A cell sorts by `data-sort`, else by its first number as it was written, else, outside columns of numbers, by its words.
  const sortKey = (cell, isOfNumbers) => {
    if (!cell) return null;
    if (cell.dataset.sort !== undefined) return cell.dataset.sort;
    const element = cell.matches(NUMBERS) ? cell : cell.querySelector(NUMBERS);
    const text = element ? originals.get(element) : cell.textContent.trim();
    const value = Number.parseFloat(text.replace(/[,<]/g, "").replace("\u2212", "-").trim());
    if (element) return Number.isNaN(value) ? null : value;
    return text && !isOfNumbers ? text : null;
  };

  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), locale);

  const sortRows = (table, column, direction) => {
    const header = table.tHead.rows[0].cells[column];
    const isOfNumbers = header.matches(".num");
    const rows = [...table.tBodies[0].rows].map((row) => [sortKey(row.cells[column], isOfNumbers), row]);
    const missing = rows.filter(([key]) => key === null);
    const present = rows.filter(([key]) => key !== null);
    present.sort(([one], [other]) => (direction === "ascending" ? compare(one, other) : compare(other, one)));
    table.tBodies[0].append(...[...present, ...missing].map(([, row]) => row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
  };

  const makeSortable = (table) => {
    for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
      if (header.matches(".unsortable")) continue;
      const button = document.createElement("button");
      button.type = "button";
      if (header.dataset.t) {
        button.dataset.t = header.dataset.t;
        delete header.dataset.t;
      }
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const isUp = header.getAttribute("aria-sort") === "ascending";
        const isFirst = !header.hasAttribute("aria-sort");
        sortRows(table, column, isFirst && header.matches(".num") ? "descending" : isUp ? "descending" : "ascending");
      });
    }
  };

  const start = () => {
    root.classList.add("js");
    all("table.sortable").forEach(makeSortable);
    makeTheme();
    for (const button of all("[data-language]")) {
      button.addEventListener("click", () => setLanguage(button.dataset.language));
    }
    setLanguage(root.dataset.start ?? (navigator.language.toLowerCase().startsWith("es") ? "es" : "en"));
  };

  start();
  return {
    get language() {
      return language;
    },
    get locale() {
      return locale;
    },
    all,
    element,
    fill,
    say,
    number,
    localise,
    sortRows,
    onLanguage: (listener) => listeners.push(listener),
  };
})();
