"use strict";

const TEXTS = {
  en: {
    kind: "Predict API", language: "Language", theme: "Dark", protocol: "Protocol",
    version: "Version", family: "Model", predicts: "Predicts {label}: {labels}.", predicts_number: "Predicts {label}.",
    accuracy: "Accuracy", macro_f1: "Macro-F1", auc_ovr: "AUC",
    record: "Record", record_note: "Values to predict from. Those marked optional may be left empty.",
    numeric: "Numbers", ordinal: "Ordered", categorical: "Categories", boolean: "Binary", time: "Times",
    optional: "optional", from: "from {min}", to: "up to {max}", range: "{min} to {max}", none: "(empty)",
    predict: "Predict", example: "Example", clear: "Clear", answer: "Answer",
    no_answer: "Predict to see what the model answers.", waiting: "Waiting for the answer…",
    request: "As a command", copy: "Copy", copied: "Copied", step: "Step",
    refused: "The server refused the record ({status}).", unreachable: "The server cannot be reached.",
    token: "Token", token_why: "This server answers only who knows its token. The page keeps it until it is closed.",
    unlock: "Open", token_wrong: "The server does not know this token.",
    took: "answered in {ms} ms",
  },
  es: {
    kind: "API de predicción", language: "Idioma", theme: "Oscuro", protocol: "Protocolo",
    version: "Versión", family: "Modelo", predicts: "Predice {label}: {labels}.", predicts_number: "Predice {label}.",
    accuracy: "Exactitud", macro_f1: "Macro-F1", auc_ovr: "AUC",
    record: "Registro", record_note: "Valores con los que se predice. Los opcionales pueden quedar vacíos.",
    numeric: "Números", ordinal: "Ordenados", categorical: "Categorías", boolean: "Binarios", time: "Tiempos",
    optional: "opcional", from: "desde {min}", to: "hasta {max}", range: "de {min} a {max}", none: "(vacío)",
    predict: "Predecir", example: "Ejemplo", clear: "Vaciar", answer: "Respuesta",
    no_answer: "Prediga para ver lo que responde el modelo.", waiting: "Esperando la respuesta…",
    request: "Como comando", copy: "Copiar", copied: "Copiado", step: "Paso",
    refused: "El servidor rechazó el registro ({status}).", unreachable: "No se puede contactar con el servidor.",
    token: "Token", token_why: "Este servidor responde solo a quien conoce su token. La página lo guarda hasta que se cierra.",
    unlock: "Abrir", token_wrong: "El servidor no conoce este token.",
    took: "respondido en {ms} ms",
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
      const head = `"name": ${JSON.stringify(feature.name)}, "shape": [1], "datatype": "${DATATYPES[feature.dtype]}"`;
      return `  {${head}, "data": [${valueOf(feature)}]}`;
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
  const { values, min, max } = feature.domain ?? {};
  if (values) return values;
  const isFew = feature.dtype === "int64" && max - min < MAX_CHOICES;
  return isFew ? Array.from({ length: max - min + 1 }, (_, index) => String(min + index)) : null;
}

function hint(feature) {
  const { min = null, max = null } = feature.domain ?? {};
  const parts = [];
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
  const made = options
    ? element("select", { id }, ...options.map((value) => new Option(value)))
    : element("input", { id, autocomplete: "off", inputMode: feature.dtype === "string" ? "text" : "decimal" });
  // An empty choice too, where the record may be cleared or the value left out.
  if (options) made.prepend(new Option(text("none"), ""));
  made.setAttribute("aria-describedby", `hint-${feature.name} error-${feature.name}`);
  return made;
}

function field(feature) {
  const label = element("label", { htmlFor: `field-${feature.name}`, textContent: feature.label, title: feature.name });
  return element(
    "div",
    { className: "field" },
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
  for (const feature of model.features) find(`field-${feature.name}`).value = record[feature.name] ?? "";
  showErrors("");
  showCommand();
}

function recordNow() {
  return Object.fromEntries(model.features.map((feature) => [feature.name, find(`field-${feature.name}`).value]));
}

// The answer.

async function predict() {
  const button = find("predict");
  button.disabled = true;
  showErrors("");
  const start = performance.now();
  try {
    const response = await fetch(address(pathOf("v1")), {
      method: "POST", headers: headers({ "content-type": "application/json" }), body: bodyV1(),
    });
    const answer = await response.json();
    if (response.ok) showAnswer(answer.predictions[0], Math.round(performance.now() - start));
    else showRefusal(response.status, answer.error);
  } catch {
    find("answer").replaceChildren(element("p", { className: "error", textContent: text("unreachable") }));
  } finally {
    button.disabled = false;
  }
}

function showAnswer(prediction, ms) {
  const parts = prediction.classes === undefined ? numbers(prediction) : scores(prediction);
  const took = text("took", { ms });
  find("answer").replaceChildren(...parts, element("p", { className: "note", textContent: took }));
  find("answer").scrollIntoView({ block: "nearest" });
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
  const columns = Object.entries(named).map(([name, value]) => [name, [value].flat()]);
  if (columns.length === 1 && columns[0][1].length === 1) {
    return [element("p", { className: "prediction", id: "prediction", textContent: String(columns[0][1][0]) })];
  }
  const cells = (tag, values) => values.map((value) => element(tag, { textContent: value }));
  const rows = columns[0][1].map((_, step) =>
    element("tr", {}, ...cells("td", [step + 1, ...columns.map(([, values]) => values[step])])),
  );
  const head = element("tr", {}, ...cells("th", [text("step"), ...columns.map(([name]) => name)]));
  const table = element("table", { id: "prediction" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return [element("div", { className: "scroll", tabIndex: 0 }, table)];
}

function showRefusal(status, message) {
  if (status === 401) return ask(text("token_wrong"));
  find("answer").replaceChildren(
    element("p", { className: "error", textContent: `${text("refused", { status })}\n${message}` }),
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
