"use strict";

const TEXTS = {
  en: {
    kind: "Predict API", language: "Language", theme: "Dark", protocol: "Protocol",
    version: "Version", family: "Model", predicts: "Predicts {label}: {labels}.", predicts_number: "Predicts {label}.",
    accuracy: "Accuracy", macro_f1: "Macro-F1", auc_ovr: "AUC",
    record: "Record", record_note: "Values to predict from. Those marked optional may be left empty.",
    numeric: "Numbers", ordinal: "Ordered", categorical: "Categories", boolean: "Binary", time: "Times",
    optional: "optional", from: "from {min}", to: "up to {max}", range: "{min} to {max}", none: "(empty)",
    steps: "{steps} values, the newest last", steps_range: "{min} to {max} values, the newest last",
    predict: "Predict", example: "Example", clear: "Clear", result: "Prediction",
    no_result: "Predict to see what the model returns.", waiting: "Waiting for the prediction…",
    forecast: "Forecast of {steps} steps, from {first} to {last}", interval: "{lower} to {upper}",
    request: "As a command", copy: "Copy", copied: "Copied", step: "Step",
    rejected: "The server rejected the record ({status}).", unreachable: "The server cannot be reached.",
    token: "Token", token_why: "This server serves only who knows its token. The page keeps it until it is closed.",
    unlock: "Open", token_wrong: "The server does not know this token.",
    took: "predicted in {ms} ms",
  },
  es: {
    kind: "API de predicción", language: "Idioma", theme: "Oscuro", protocol: "Protocolo",
    version: "Versión", family: "Modelo", predicts: "Predice {label}: {labels}.", predicts_number: "Predice {label}.",
    accuracy: "Exactitud", macro_f1: "Macro-F1", auc_ovr: "AUC",
    record: "Registro", record_note: "Valores con los que se predice. Los opcionales pueden quedar vacíos.",
    numeric: "Números", ordinal: "Ordenados", categorical: "Categorías", boolean: "Binarios", time: "Tiempos",
    optional: "opcional", from: "desde {min}", to: "hasta {max}", range: "de {min} a {max}", none: "(vacío)",
    steps: "{steps} valores, el más reciente al final", steps_range: "de {min} a {max} valores, el más reciente al final",
    predict: "Predecir", example: "Ejemplo", clear: "Vaciar", result: "Predicción",
    no_result: "Prediga para ver lo que devuelve el modelo.", waiting: "Esperando la predicción…",
    forecast: "Pronóstico de {steps} pasos, de {first} a {last}", interval: "de {lower} a {upper}",
    request: "Como comando", copy: "Copiar", copied: "Copiado", step: "Paso",
    rejected: "El servidor rechazó el registro ({status}).", unreachable: "No se puede contactar con el servidor.",
    token: "Token", token_why: "Este servidor responde solo a quien conoce su token. La página lo guarda hasta que se cierra.",
    unlock: "Abrir", token_wrong: "El servidor no conoce este token.",
    took: "predicho en {ms} ms",
  },
};
const KINDS = ["numeric", "ordinal", "categorical", "boolean", "time"];
const DATATYPES = { float32: "FP32", int64: "INT64", string: "BYTES" };
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const MAX_CHOICES = 12;

const find = (id) => document.getElementById(id);
let language = navigator.language.startsWith("es") ? "es" : "en";
let protocol = "v1";
let token = "";
let model = null;

function text(key, values = {}) {
  const template = TEXTS[language][key] ?? key;
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function address(path) {
  return new URL(path, location.href).href;
}

function headers(more = {}) {
  return token ? { ...more, authorization: `Bearer ${token}` } : more;
}

// The request, written as text so that integers of 64 bits keep their digits.

function valueOf(feature) {
  const typed = find(`field-${feature.name}`).value;
  if (feature.steps === null) return itemOf(feature, typed);
  const items = itemsOf(feature, typed);
  return items.length || !feature.optional ? `[${items.map((item) => itemOf(feature, item)).join(", ")}]` : "null";
}

function itemsOf(feature, typed) {
  if (typed.trim() === "") return [];
  const items = typed.trim().split(feature.dtype === "string" ? /\s*[,\n]\s*/ : /\s*[,;\n]\s*|\s+/);
  return items.map((item) => (item === "null" ? "" : item));
}

function itemOf(feature, typed) {
  if (feature.dtype === "string") return typed === "" && feature.optional ? "null" : JSON.stringify(typed);
  if (typed.trim() === "") return "null";
  return JSON_NUMBER.test(typed.trim()) ? typed.trim() : JSON.stringify(typed);
}

function bodyV1() {
  const fields = model.features.map((feature) => `  ${JSON.stringify(feature.name)}: ${valueOf(feature)}`);
  return `{"instances": [{\n${fields.join(",\n")}\n}]}`;
}

function bodyV2() {
  const inputs = model.features
    .filter((feature) => valueOf(feature) !== "null" || !feature.optional)
    .map((feature) => {
      const value = valueOf(feature);
      const steps = feature.steps === null ? null : itemsOf(feature, find(`field-${feature.name}`).value).length;
      const shape = steps === null ? "[1]" : `[1, ${steps}]`;
      const head = `"name": ${JSON.stringify(feature.name)}, "shape": ${shape}, "datatype": "${DATATYPES[feature.dtype]}"`;
      return `  {${head}, "data": ${steps === null ? `[${value}]` : value}}`;
    });
  return `{"inputs": [\n${inputs.join(",\n")}\n]}`;
}

function pathOf(version) {
  const name = encodeURIComponent(model.name);
  return version === "v1" ? `v1/models/${name}:predict` : `v2/models/${name}/infer`;
}

function command() {
  const quoted = (argument) => `'${argument.replaceAll("'", "'\\''")}'`;
  const lines = [`curl -sS ${quoted(address(pathOf(protocol)))}`, "-H 'content-type: application/json'"];
  if (model.needs_token) lines.push('-H "authorization: Bearer $YACHAY_SERVING_TOKEN"');
  lines.push(`-d ${quoted(protocol === "v1" ? bodyV1() : bodyV2())}`);
  return lines.join(" \\\n  ");
}

function showCommand() {
  find("command").textContent = command();
  find("copy").textContent = text("copy");
  for (const button of document.querySelectorAll("[data-protocol]")) {
    button.setAttribute("aria-pressed", button.dataset.protocol === protocol);
  }
}

// The form.

function choices(feature) {
  if (feature.steps !== null) return null;
  const { values, min, max } = feature.domain ?? {};
  if (values) return values;
  if (feature.codes.length) return feature.codes;
  const isFew = feature.dtype === "int64" && max - min < MAX_CHOICES;
  return isFew ? Array.from({ length: max - min + 1 }, (_, index) => String(min + index)) : null;
}

function choice(feature, value) {
  const { en, es } = feature.code_names[value] ?? {};
  const name = (language === "es" && es) || en || es;
  return new Option(name ? `${value}: ${name}` : value, value);
}

function hint(feature) {
  const { min = null, max = null } = feature.domain ?? {};
  const parts = [];
  if (feature.steps !== null) {
    const range = { min: feature.min_steps, max: feature.steps };
    parts.push(range.min === range.max ? text("steps", { steps: range.max }) : text("steps_range", range));
  }
  if (!choices(feature)) {
    if (min !== null && max !== null) parts.push(text("range", { min, max }));
    else if (min !== null) parts.push(text("from", { min }));
    else if (max !== null) parts.push(text("to", { max }));
  }
  if (feature.optional) parts.push(text("optional"));
  return parts.join(", ");
}

function control(feature) {
  const id = `field-${feature.name}`;
  const options = choices(feature);
  const typed = { id, autocomplete: "off", inputMode: feature.dtype === "string" ? "text" : "decimal" };
  const made = options
    ? element("select", { id }, ...options.map((value) => choice(feature, value)))
    : feature.steps === null
      ? element("input", typed)
      : element("textarea", { id, rows: 3, spellcheck: false });
  // An empty choice too, where the record may be cleared or the value left out.
  if (options) made.prepend(new Option(text("none"), ""));
  made.setAttribute("aria-describedby", `hint-${feature.name} error-${feature.name}`);
  return made;
}

function field(feature) {
  const label = element("label", { htmlFor: `field-${feature.name}`, textContent: feature.label, title: feature.name });
  return element(
    "div",
    { className: feature.steps === null ? "field" : "field wide" },
    label,
    control(feature),
    element(
      "div",
      {},
      element("p", { className: "hint", id: `hint-${feature.name}`, textContent: hint(feature) }),
      element("p", { className: "error", id: `error-${feature.name}` }),
    ),
  );
}

function showForm() {
  const groups = KINDS.map((kind) => [kind, model.features.filter((feature) => feature.kind === kind)]);
  find("fields").replaceChildren(
    ...groups
      .filter(([, features]) => features.length)
      .map(([kind, features]) =>
        element(
          "fieldset",
          {},
          element("legend", { textContent: text(kind) }),
          element("div", { className: "fields" }, ...features.map(field)),
        ),
      ),
  );
}

function fill(record) {
  for (const feature of model.features) {
    const value = record[feature.name] ?? "";
    find(`field-${feature.name}`).value = Array.isArray(value) ? value.map((item) => item ?? "null").join(", ") : value;
  }
  showErrors("");
  showCommand();
}

function recordNow() {
  return Object.fromEntries(model.features.map((feature) => [feature.name, find(`field-${feature.name}`).value]));
}

// The prediction.

async function predict() {
  const button = find("predict");
  button.disabled = true;
  showErrors("");
  const start = performance.now();
  try {
    const response = await fetch(address(pathOf("v1")), {
      method: "POST", headers: headers({ "content-type": "application/json" }), body: bodyV1(),
    });
    const content = await response.json();
    if (response.ok) showResult(content.predictions[0], Math.round(performance.now() - start));
    else showRejection(response.status, content.error);
  } catch {
    find("result").replaceChildren(element("p", { className: "error", textContent: text("unreachable") }));
  } finally {
    button.disabled = false;
  }
}

function showResult(prediction, ms) {
  const parts = prediction.classes === undefined ? numbers(prediction) : scores(prediction);
  const took = text("took", { ms });
  find("result").replaceChildren(...parts, element("p", { className: "note", textContent: took }));
  find("result").scrollIntoView({ block: "nearest" });
}

function scores({ classes, scores: values }) {
  const rows = model.labels
    .map((name, index) => ({ name, value: values[index] }))
    .sort((left, right) => right.value - left.value)
    .map(({ name, value }) => {
      const bar = element("span");
      bar.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
      const item = element(
        "li",
        { className: name === classes ? "first" : "" },
        element("span", { className: "name", textContent: name }),
        element("span", { className: "value", textContent: value.toFixed(4), title: String(value) }),
        element("span", { className: "bar" }, bar),
      );
      return item;
    });
  return [
    element("p", { className: "prediction", id: "prediction", textContent: classes }),
    element("ul", { className: "scores" }, ...rows),
  ];
}

function numbers(prediction) {
  const named = typeof prediction === "object" && !Array.isArray(prediction) ? prediction : { outputs: prediction };
  const { outputs, lower, upper } = named;
  if (typeof outputs === "number") {
    const number = element("p", { className: "prediction", id: "prediction", textContent: String(outputs) });
    if (lower === undefined || upper === undefined) return [number];
    return [number, element("p", { className: "note", textContent: text("interval", { lower, upper }) })];
  }
  // Quantiles have a list a step; their first and last are `lower` and `upper`.
  const columns = Object.entries(named).filter(([, values]) => Array.isArray(values) && !Array.isArray(values[0]));
  const cells = (tag, values) => values.map((value) => element(tag, { textContent: value }));
  const rows = columns[0][1].map((_, step) =>
    element("tr", {}, ...cells("td", [step + 1, ...columns.map(([, values]) => values[step])])),
  );
  const head = element("tr", {}, ...cells("th", [text("step"), ...columns.map(([name]) => name)]));
  const table = element("table", { id: "prediction" }, element("thead", {}, head), element("tbody", {}, ...rows));
  const scroll = element("div", { className: "scroll", tabIndex: 0 }, table);
  return outputs?.length > 1 ? [fan(outputs, lower ?? outputs, upper ?? outputs), scroll] : [scroll];
}

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A forecast as a line, and its interval as a band behind it.
function fan(outputs, lower, upper) {
  const [width, height, edge] = [360, 140, 6];
  const all = [...outputs, ...lower, ...upper];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const place = (value, step) => {
    const x = edge + (step * (width - 2 * edge)) / (outputs.length - 1);
    const y = high === low ? height / 2 : height - edge - ((value - low) * (height - 2 * edge)) / (high - low);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  const band = [...upper.map(place), ...lower.map(place).reverse()].join(" ");
  const label = text("forecast", { steps: outputs.length, first: outputs[0], last: outputs.at(-1) });
  const chart = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "fan" },
    drawn("polygon", { points: band, class: "interval" }),
    drawn("polyline", { points: outputs.map(place).join(" "), class: "line" }),
  );
  const bounds = [high, low].map((value) => element("span", { textContent: Number(value.toPrecision(4)) }));
  return element("div", { className: "forecast" }, element("div", { className: "bounds" }, ...bounds), chart);
}

function showRejection(status, message) {
  if (status === 401) return ask(text("token_wrong"));
  find("result").replaceChildren(
    element("p", { className: "error", textContent: `${text("rejected", { status })}\n${message}` }),
  );
  return showErrors(message);
}

function showErrors(message) {
  const lines = message.split("\n").map((line) => line.replace(/^ *- /, ""));
  for (const feature of model.features) {
    const found = lines.find((line) => line.includes(`'${feature.name}'`)) ?? "";
    const input = find(`field-${feature.name}`);
    find(`error-${feature.name}`).textContent = found;
    if (found) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  document.querySelector("[aria-invalid=true]")?.focus();
}

// The model, the language and the theme.

function showModel() {
  const { name, version, family, label, labels, metrics } = model;
  document.title = `${name}: ${text("kind")}`;
  find("name").textContent = name;
  find("task").textContent = labels.length
    ? text("predicts", { label, labels: labels.join(", ") })
    : text("predicts_number", { label });
  const facts = [
    [text("version"), version],
    [text("family"), family.replaceAll("_", " ")],
    ...Object.entries(metrics).map(([metric, value]) => [text(metric), value.toFixed(4)]),
  ];
  find("facts").replaceChildren(
    ...facts.map(([term, value]) =>
      element("div", {}, element("dt", { textContent: term }), element("dd", { textContent: value })),
    ),
  );
}

function showTexts() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = text(node.dataset.label);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", button.dataset.language === language);
  }
  if (!model) return;
  showModel();
  const record = find("fields").children.length ? recordNow() : model.example;
  showForm();
  fill(record);
}

function ask(message) {
  model = null;
  find("work").hidden = true;
  find("unlock").hidden = false;
  find("token-error").textContent = message;
  find("token").focus();
}

async function open() {
  find("main").hidden = false;
  const response = await fetch(address("page.json"), { headers: headers() });
  if (response.status === 401) return ask(token && text("token_wrong"));
  if (!response.ok) throw new Error(response.status);
  model = await response.json();
  find("unlock").hidden = true;
  find("work").hidden = false;
  return showTexts();
}

function openOrSay() {
  open().catch(() => {
    find("trouble").hidden = false;
    find("trouble").textContent = text("unreachable");
  });
}

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  find("theme").setAttribute("aria-pressed", theme === "dark");
}

find("record").addEventListener("submit", (event) => { event.preventDefault(); predict(); });
find("record").addEventListener("input", showCommand);
find("example").addEventListener("click", () => fill(model.example));
find("clear").addEventListener("click", () => fill({}));
find("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("token").value;
  openOrSay();
});
find("theme").addEventListener("click", () => {
  showTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
});
find("copy").addEventListener("click", async () => {
  // Browsers lend the clipboard to pages from HTTPS and the own machine only; elsewhere the keyboard copies.
  getSelection().selectAllChildren(find("command"));
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(command());
  find("copy").textContent = text("copied");
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => { language = button.dataset.language; showTexts(); });
}
for (const button of document.querySelectorAll("[data-protocol]")) {
  button.addEventListener("click", () => { protocol = button.dataset.protocol; showCommand(); });
}

showTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
showTexts();
openOrSay();
