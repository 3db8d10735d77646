// A named slider, list to choose from, or button, made of the browser's own controls: they have a
// name, say their value, show where the focus is, and follow keys, mouse and touch.
function render({ model, el }) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const id = `advtutor-control-${Math.random().toString(36).slice(2)}`;
  const isList = model.get("labels") !== undefined;
  const isButton = model.get("clicks") !== undefined;
  const name = model.get("description");
  const control = isButton
    ? make("button", { textContent: name })
    : make(isList ? "select" : "input", { id });
  const line = make("div", { className: "advtutor-control" });
  // JupyterLab would take these keys for itself, and walk to the next cell.
  const ours = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp",
    "PageDown", "Tab", " ", "Enter"];
  line.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (!held && ours.includes(event.key)) event.stopPropagation();
  });
  if (!isButton) line.append(make("label", { htmlFor: id, textContent: name }));
  line.append(control);
  el.append(line);
  const { send, leave } = answering(model, el);
  const follow = (name, show) => {
    model.on(name, show);
    show();
    return () => { leave(); model.off(name, show); };
  };

  if (isButton) {
    control.type = "button";
    control.className = model.get("primary") ? "advtutor-button advtutor-primary" : "advtutor-button";
    control.addEventListener("click", () => send({ clicks: model.get("clicks") + 1 }));
    return follow("change:disabled", () => { control.disabled = model.get("disabled"); });
  }
  if (isList) {
    for (const text of model.get("labels")) control.append(make("option", { textContent: text }));
    control.addEventListener("change", () => send({ index: control.selectedIndex }));
    return follow("change:index", () => { control.selectedIndex = model.get("index"); });
  }
  control.type = "range";
  for (const name of ["min", "max", "step"]) control[name] = model.get(name);
  const shown = make("span", { className: "advtutor-value" });
  line.append(shown);
  const write = (value) => {
    const digits = model.get("digits");
    const words = model.get("percent") ? `${(100 * value).toFixed(0)} %` : value.toFixed(digits);
    shown.textContent = words;
    control.setAttribute("aria-valuetext", words);
  };
  // While one message is under way, the widget manager keeps the newest value and drops the rest.
  control.addEventListener("input", () => {
    write(control.valueAsNumber);
    send({ value: control.valueAsNumber });
  });
  return follow("change:value", () => {
    control.value = model.get("value");
    write(model.get("value"));
  });
}
export default { render };
