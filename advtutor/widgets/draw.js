// A drawing area of n x n pixels, white ink on black. Pointer: mouse, touch, pen. Keys: arrows move
// the cursor, Space puts the pen down or lifts it, Backspace undoes. `pixels` are its bytes.
function render({ model, el }) {
  const n = model.get("n"), scale = 10, radius = 1.15, undo = [];
  let ink = new Float32Array(n * n), cursor = [n / 2, n / 2], penDown = false, last = null;
  let timer = null;

  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const canvas = make("canvas", { width: n * scale, height: n * scale, tabIndex: 0 });
  canvas.className = "advtutor-canvas";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label",
    "Drawing area. Arrow keys move, Space starts or ends a stroke, Backspace undoes.");
  const status = make("div", { className: "advtutor-status" });
  status.setAttribute("role", "status");
  const undoButton = make("button", { type: "button", textContent: "Undo" });
  const clearButton = make("button", { type: "button", textContent: "Clear" });
  const bar = make("div", { className: "advtutor-bar" });
  bar.append(undoButton, clearButton);
  el.append(canvas, bar, status);
  const kernel = answering(model, el);
  const pen = canvas.getContext("2d");

  function paint() {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < n * n; i++) {
      if (!ink[i]) continue;
      const grey = Math.round(255 * ink[i]);
      pen.fillStyle = `rgb(${grey},${grey},${grey})`;
      pen.fillRect((i % n) * scale, Math.floor(i / n) * scale, scale, scale);
    }
    if (document.activeElement === canvas) {
      pen.strokeStyle = penDown ? "#E69F00" : "#56B4E9";
      pen.lineWidth = 3;
      pen.beginPath();
      pen.arc(cursor[0] * scale, cursor[1] * scale, 9, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  function dot(x, y) {
    for (let row = Math.floor(y - 3); row <= y + 3; row++) {
      for (let column = Math.floor(x - 3); column <= x + 3; column++) {
        if (row < 0 || column < 0 || row >= n || column >= n) continue;
        const far = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const value = Math.min(1, Math.max(0, radius + 0.5 - far));
        ink[row * n + column] = Math.max(ink[row * n + column], value);
      }
    }
  }

  function stroke(to) {
    const from = last ?? to, length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const pieces = Math.max(1, Math.ceil(3 * length));
    for (let i = 0; i <= pieces; i++) {
      const part = i / pieces;
      dot(from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1]));
    }
    last = to;
    paint();
    sendSoon();
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    const bytes = Uint8Array.from(ink, (value) => Math.round(255 * value));
    kernel.send({ pixels: new DataView(bytes.buffer) });
  }
  const sendSoon = () => { timer ??= setTimeout(send, 250); };  // while drawing: 4 times a second

  const remember = () => { undo.push(ink.slice()); if (undo.length > 50) undo.shift(); };
  function takeBack() {
    if (undo.length) { ink = undo.pop(); status.textContent = "Undone."; }
    else status.textContent = "Nothing to undo.";
    last = null; paint(); send();
  }
  function clear() {
    remember();
    ink = new Float32Array(n * n); penDown = false; last = null;
    status.textContent = "Cleared.";
    paint(); send();
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * n, (event.clientY - box.top) / box.height * n];
  };
  let pointer = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    canvas.focus();
    remember();
    penDown = false; last = null; cursor = place(event);
    stroke(cursor);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    cursor = place(event);
    stroke(cursor);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = last = null;
      status.textContent = "";
      send();
    });
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      cursor = [cursor[0] + dx, cursor[1] + dy].map((v) => Math.min(n - 1, Math.max(1, v)));
      if (penDown) stroke(cursor);
      status.textContent = `${penDown ? "Drawing" : "Moving"}: column ${Math.round(cursor[0])}, `
        + `row ${Math.round(cursor[1])}.`;
    } else if (event.key === " ") {
      penDown = !penDown;
      last = null;
      if (penDown) { remember(); stroke(cursor); } else send();
      status.textContent = penDown ? "Pen down." : "Pen up.";
    } else if (event.key === "Backspace") {
      takeBack();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    paint();
  });
  canvas.addEventListener("focus", paint);
  canvas.addEventListener("blur", paint);
  undoButton.addEventListener("click", takeBack);
  clearButton.addEventListener("click", clear);

  const load = () => {
    const sample = model.get("sample");
    if (!sample || sample.byteLength !== n * n) return;
    remember();
    const bytes = new Uint8Array(sample.buffer, sample.byteOffset, sample.byteLength);
    ink = Float32Array.from(bytes, (value) => value / 255);
    status.textContent = "Sample digit.";
    paint(); send();
  };
  model.on("change:sample", load);
  const start = model.get("pixels");  // another view of the same widget, or a page that came back
  if (start && start.byteLength === n * n) {
    const bytes = new Uint8Array(start.buffer, start.byteOffset, start.byteLength);
    ink = Float32Array.from(bytes, (value) => value / 255);
  }
  paint();
  return () => { clearTimeout(timer); kernel.leave(); model.off("change:sample", load); };
}
export default { render };
