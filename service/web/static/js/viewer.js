// Zoom and pan of a frame. In the queue one view serves all frames: it stays when the next defect opens.

const LARGEST = 12;
const STEP = 1.4;
const BOX_SHARE = 0.3; // of the viewport that a box fills after "to the box"
const STORED_AS = "rasid.view";

const WHOLE = { scale: 1, x: 0.5, y: 0.5 };

// Scale, and the point of the stage (0..1 of its width and height) that lies in the middle of the viewport.
let view = WHOLE;

const held = new WeakMap(); // by figure: the pointers that drag and pinch, as they were last

export function showViewer(figure) {
  if (figure.dataset.shown) return;
  figure.dataset.shown = "yes";
  const viewport = figure.querySelector("[data-viewport]");
  const keep = figure.dataset.viewer === "kept";
  view = keep ? restore() : WHOLE;
  const shown = { figure, viewport, keep, stage: figure.querySelector("[data-stage]"), own: figure.querySelector("[data-own] rect") };
  figure.querySelectorAll("[data-zoom]").forEach((button) => {
    button.addEventListener("click", () => ACTIONS[button.dataset.zoom](shown));
  });
  viewport.addEventListener("wheel", (event) => zoomByWheel(shown, event), { passive: false });
  listenForDrags(shown);
  apply(shown);
}

const ACTIONS = {
  in: (shown) => change(shown, { scale: view.scale * STEP }),
  out: (shown) => change(shown, { scale: view.scale / STEP }),
  all: (shown) => change(shown, WHOLE),
  box: (shown) => change(shown, viewOfBox(shown)),
};

function change(shown, changes) {
  const scale = clamp(changes.scale ?? view.scale, 1, LARGEST);
  const edge = 0.5 / scale; // nearer to the rim the viewport would look beyond the frame
  view = { scale, x: clamp(changes.x ?? view.x, edge, 1 - edge), y: clamp(changes.y ?? view.y, edge, 1 - edge) };
  if (shown.keep) sessionStorage.setItem(STORED_AS, JSON.stringify(view));
  apply(shown);
}

function apply({ figure, viewport, stage, own }) {
  const shift = (at) => `${(0.5 - at * view.scale) * 100}%`;
  stage.style.transform = `translate(${shift(view.x)}, ${shift(view.y)}) scale(${view.scale})`;
  stage.style.setProperty("--zoom", view.scale);
  viewport.dataset.scale = view.scale.toFixed(2);
  viewport.classList.toggle("zoomed", view.scale > 1);
  figure.classList.toggle("away", !touches(viewport.getBoundingClientRect(), own.getBoundingClientRect()));
  figure.dispatchEvent(new Event("view"));
}

function zoomByWheel(shown, event) {
  event.preventDefault();
  zoomAt(shown, event, Math.exp(-clamp(event.deltaY, -100, 100) / 300));
}

// The point under the pointer stays where it is.
function zoomAt(shown, { clientX, clientY }, factor) {
  const area = shown.viewport.getBoundingClientRect();
  const off = { x: (clientX - area.left) / area.width - 0.5, y: (clientY - area.top) / area.height - 0.5 };
  const scale = clamp(view.scale * factor, 1, LARGEST);
  const moved = (axis) => view[axis] + off[axis] / view.scale - off[axis] / scale;
  change(shown, { scale, x: moved("x"), y: moved("y") });
}

function viewOfBox({ viewport, own }) {
  const area = viewport.getBoundingClientRect();
  const box = own.getBoundingClientRect();
  const scale = clamp(view.scale * BOX_SHARE * Math.min(area.width / box.width, area.height / box.height), 1, LARGEST);
  const middle = (start, size, from, whole) => (start + size / 2 - from) / whole - 0.5;
  return {
    scale,
    x: view.x + middle(box.left, box.width, area.left, area.width) / view.scale,
    y: view.y + middle(box.top, box.height, area.top, area.height) / view.scale,
  };
}

// A pointer that another module held goes on as one of ours.
export function takePointer(figure, event) {
  held.get(figure).set(event.pointerId, event);
}

// One pointer drags; two pinch.
function listenForDrags(shown) {
  const { figure, viewport } = shown;
  const pointers = new Map();
  held.set(figure, pointers);
  viewport.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    viewport.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
  });
  viewport.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    pointers.set(event.pointerId, event);
    if (other) zoomAt(shown, middleOf(event, other), distance(event, other) / (distance(before, other) || 1));
    else drag(shown, event.clientX - before.clientX, event.clientY - before.clientY);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    viewport.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
}

function drag(shown, dx, dy) {
  const area = shown.viewport.getBoundingClientRect();
  change(shown, { x: view.x - dx / area.width / view.scale, y: view.y - dy / area.height / view.scale });
}

function touches(area, box) {
  return box.left < area.right && box.right > area.left && box.top < area.bottom && box.bottom > area.top;
}

function middleOf(a, b) {
  return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
}

function distance(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function restore() {
  try {
    const { scale, x, y } = JSON.parse(sessionStorage.getItem(STORED_AS)) ?? {};
    if ([scale, x, y].every(Number.isFinite)) return { scale, x, y };
  } catch {
    // another page's text under our name: begin anew
  }
  return WHOLE;
}
