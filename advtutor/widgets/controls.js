// A named slider, or a named list to choose from, made of the browser's own controls: they have a
// name, say their value, show where the focus is, and follow keys, mouse and touch.
function render({ model, el }) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const id = `advtutor-control-${Math.random().toString(36).slice(2)}`;
  const isList = model.get("labels") !== undefined;
  const control = make(isList ? "select" : "input", { id });
  const label = make("label", { htmlFor: id, textContent: model.get("description") });
  const line = make("div", { className: "advtutor-control" });
  // JupyterLab would take these keys for itself, and walk to the next cell.
  const ours = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp",
    "PageDown", "Tab", " ", "Enter"];
  line.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (!held && ours.includes(event.key)) event.stopPropagation();
  });
  line.append(label, control);
  el.append(line);
  const silence = make("div", { className: "advtutor-silence" });
  silence.setAttribute("role", "status");
  el.append(silence);
  let timer = null;
  const send = (name, value) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silence.textContent =
        "No answer yet: the kernel is busy, or was restarted. Then run this cell again.";
    }, 4000);
    model.set(name, value);
    model.set("sent", model.get("sent") + 1);
    model.save_changes();
  };
  const hear = () => { clearTimeout(timer); silence.textContent = ""; };
  model.on("change:heard", hear);
  const leave = (name, show) => {
    clearTimeout(timer);
    model.off("change:heard", hear);
    model.off(name, show);
  };

  if (isList) {
    for (const text of model.get("labels")) control.append(make("option", { textContent: text }));
    const show = () => { control.selectedIndex = model.get("index"); };
    control.addEventListener("change", () => send("index", control.selectedIndex));
    model.on("change:index", show);
    show();
    return () => leave("change:index", show);
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
  const show = () => { control.value = model.get("value"); write(model.get("value")); };
  // While one message is under way, the widget manager keeps the newest value and drops the rest.
  control.addEventListener("input", () => {
    write(control.valueAsNumber);
    send("value", control.valueAsNumber);
  });
  model.on("change:value", show);
  show();
  return () => leave("change:value", show);
}
export default { render };
