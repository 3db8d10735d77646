// Each widget by its kind: `words` says in a sentence what is seen at some values of its controls,
// `show` puts it into the page. Only a training and a prediction talk with the kernel.

const WIDGETS = { eps: epsExplorer, direction: directionExplorer, dimension: dimensionExplorer,
  stepper: attackStepper, defence: defenceExplorer, overfitting: overfittingExplorer,
  photo: photoExplorer, draw: drawDigit, training: trainingObserver, number: numberSlider };

// A control keeps its keys: JupyterLab would walk to the next cell, slides would turn. Escape, and
// keys that are held with others, are left to them.

function render({ model, el }) {
  const root = make("div", { className: "advtutor-widget", role: "group", ariaLabel: `${model.get("kind")} widget` });
  root.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (!held && event.key !== "Escape") event.stopPropagation();
  });
  el.append(root);
  root.dataset.kind = model.get("kind");
  root.dataset.state = "ready";
  try {
    return WIDGETS[model.get("kind")].show(root, model.get("state"), model);
  } catch (fault) {
    root.replaceChildren(make("p", { role: "alert", textContent: `This cannot be shown. ${fault.message}` }));
  }
}
