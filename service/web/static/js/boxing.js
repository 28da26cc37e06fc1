// Correcting a candidate's box and drawing what the model missed. One of these tasks is open at a time; while it is,
// its form stands where the verdict stood, so that nobody decides with a box unsaved.

import { moveBox, parseBox, resizeBox } from "./boxes.js";
import { boxInTheMiddle, dropHand, listenForHands } from "./hands.js";
import { paint } from "./layer.js";
import { chosenClass, fill, PANELS } from "./panels.js";
import { say } from "./say.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TYPING = "input, select, textarea";

let open = null;

export function showBoxing(figure) {
  const layer = figure.querySelector("[data-layer]");
  if (!layer || figure.dataset.boxing) return;
  figure.dataset.boxing = "yes";
  const panels = [...document.querySelectorAll("[data-task]")];
  const tasks = Object.fromEntries(panels.map((panel) => [panel.dataset.task, newTask(figure, layer, panel)]));
  figure.querySelectorAll("[data-open]").forEach((button) => {
    button.addEventListener("click", () => toggle(tasks[button.dataset.open]));
  });
  layer.addEventListener("focusin", (event) => select(open, [...layer.children].indexOf(event.target)));
  figure.addEventListener("view", () => current() && show(open));
  listenForHands(figure, layer, { current, show, commit, begin: () => tasks.move && toggle(tasks.move) });
  Object.values(tasks).filter((task) => task.panel.open).forEach(begin);
}

export function listenForTasks() {
  document.addEventListener("keydown", pressKey, { capture: true }); // before the keys of the queue
  document.addEventListener("htmx:config:request", (event) => {
    if (!current()?.panel.contains(event.target) && !mayLeave()) event.preventDefault();
  });
  document.addEventListener("htmx:error", () => current() && (open.sent = false));
  window.addEventListener("beforeunload", (event) => {
    const task = current();
    if (task && isChanged(task) && !task.sent) event.preventDefault();
  });
}

// `boxes` are never changed in place: `past` keeps what they were before each step.
function newTask(figure, layer, panel) {
  const { width, height } = layer.viewBox.baseVal;
  const frame = { width, height, least: Number(panel.dataset.leastPx) };
  const kind = PANELS[panel.dataset.task];
  const read = kind.read(panel, frame);
  const texts = panel.querySelector("[data-said]").dataset;
  const task = { figure, layer, panel, texts, frame, kind, ...read, selected: read.boxes.length - 1, past: [], hand: null };
  panel.addEventListener("click", ({ target }) => act(task, target.closest("[data-do]")));
  panel.addEventListener("input", ({ target }) => target.name === "box_px" && typeBox(task, target));
  panel.addEventListener("submit", () => (task.sent = true)); // leaving by it loses nothing
  return task;
}

function current() {
  if (open && !open.figure.isConnected) open = null; // another page came in its place
  return open;
}

function toggle(task) {
  if (document.querySelector(".htmx-request")) return; // another page is on its way
  if (current() === task) close(task);
  else if (!current() || close(open)) begin(task);
}

function begin(task) {
  open = task;
  mark(task, true);
  show(task);
  say(`${task.panel.querySelector("[data-hint]").textContent} ${placeOf(task)}`);
  focusBox(task);
  task.figure.scrollIntoView({ block: "nearest" });
}

// Asks before it drops what is not saved; what is dropped can still be taken back when the task opens again.
function close(task) {
  if (!mayLeave()) return false;
  if (isChanged(task)) step(task, task.start);
  freshInput(task);
  show(task);
  open = null;
  mark(task, false);
  document.activeElement?.blur();
  return true;
}

function mark(task, on) {
  const { figure, panel } = task;
  panel.open = on;
  figure.classList.toggle("boxing", on);
  figure.classList.toggle(`task-${panel.dataset.task}`, on);
  figure.querySelector(`[data-open=${panel.dataset.task}]`).setAttribute("aria-expanded", on);
}

function mayLeave() {
  const task = current();
  return !task || !isChanged(task) || window.confirm(task.texts.leave);
}

function show(task) {
  const { layer, panel, boxes, selected } = task;
  const label = (index) => fill(panel.dataset.label, { number: index + 1, name: boxes[index].name });
  paint(layer, boxes, selected, label, panel.querySelector("[data-hint]").id);
  task.kind.show(panel, boxes, selected);
  const save = panel.querySelector("[data-save]");
  save.disabled = !isChanged(task) || panel.querySelector("[aria-invalid=true]") !== null;
  panel.querySelector("[data-do=undo]").disabled = task.past.length === 0;
  panel.querySelector("[data-do=reset]").disabled = !isChanged(task);
}

// One step that can be taken back; arrow keys in a row are one step.
function step(task, boxes, selected = Math.min(task.selected, boxes.length - 1), byKeys = false) {
  if (!(byKeys && task.byKeys)) task.past.push({ boxes: task.boxes, selected: task.selected });
  Object.assign(task, { boxes, selected, byKeys });
  task.panel.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
  show(task);
}

// A hand has let go: what it dragged becomes a step.
function commit(task, before) {
  const { boxes, selected } = task;
  Object.assign(task, { boxes: before.boxes, selected: before.selected });
  step(task, boxes, selected);
  say(placeOf(task));
  focusBox(task);
}

function undo(task) {
  const before = task.past.pop();
  if (!before) return;
  Object.assign(task, before, { byKeys: false });
  freshInput(task);
  show(task);
  say(`${task.texts.undone} ${placeOf(task)}`);
}

function reset(task) {
  step(task, task.start);
  freshInput(task);
  show(task);
  say(`${task.texts.undone} ${placeOf(task)}`);
}

function select(task, index) {
  if (!task || index < 0 || index === task.selected) return;
  Object.assign(task, { selected: index, byKeys: false });
  show(task);
}

function add(task) {
  step(task, [...task.boxes, { ...chosenClass(task.panel), box: boxInTheMiddle(task) }], task.boxes.length);
  say(placeOf(task));
  focusBox(task);
}

function remove(task, index) {
  if (!task.kind.draws || !task.boxes[index]) return;
  step(task, task.boxes.filter((_, at) => at !== index));
  say(`${task.texts.deleted} ${placeOf(task)}`);
  focusBox(task);
}

function act(task, button) {
  if (!button) return;
  const index = [...task.panel.querySelectorAll("[data-drawn] li")].indexOf(button.closest("li"));
  const actions = {
    undo: () => undo(task),
    reset: () => reset(task),
    close: () => close(task),
    add: () => add(task),
    delete: () => remove(task, index),
    select: () => (select(task, index), focusBox(task)),
  };
  actions[button.dataset.do]();
}

function typeBox(task, input) {
  const box = parseBox(input.value, task.frame);
  input.setAttribute("aria-invalid", box === null);
  if (box) step(task, [{ ...task.boxes[0], box }], 0, true);
  else show(task);
}

function pressKey(event) {
  const task = current();
  if (!task) return;
  const typing = event.target.closest(TYPING);
  if (event.code === "Escape") goBack(task);
  else if (typing) return;
  else if (event.code === "KeyZ" && (event.ctrlKey || event.metaKey)) undo(task);
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.code in ARROWS && task.boxes[task.selected]) nudge(task, event);
  else if (event.code === "Delete" || event.code === "Backspace") remove(task, task.selected);
  else if (event.code === "Enter" && !event.target.closest("button, a, summary")) save(task, event);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function goBack(task) {
  if (task.hand) dropHand(task, { show });
  else if (isChanged(task)) reset(task);
  else close(task);
}

function nudge(task, { code, shiftKey, altKey }) {
  const [dx, dy] = ARROWS[code].map((direction) => direction * (shiftKey ? 10 : 1));
  const one = task.boxes[task.selected];
  const box = altKey ? resizeBox(one.box, "se", dx, dy, task.frame) : moveBox(one.box, dx, dy, task.frame);
  step(task, task.boxes.with(task.selected, { ...one, box }), task.selected, true);
  say(placeOf(task));
}

function save(task, event) {
  const button = task.panel.querySelector("[data-save]");
  if (!button.disabled && !event.repeat) button.form.requestSubmit(button);
}

function isChanged({ boxes, start }) {
  const text = (some) => JSON.stringify(some.map((one) => [one.key, one.box]));
  return text(boxes) !== text(start);
}

function placeOf({ texts, boxes, selected }) {
  const one = boxes[selected];
  if (!one) return "";
  const [left, top, right, bottom] = one.box.map(Math.round);
  return fill(texts.place, { left, top, width: right - left, height: bottom - top });
}

function focusBox(task) {
  const target = task.layer.children[task.selected] ?? task.panel.querySelector("[data-class]");
  target?.focus({ preventScroll: true });
}

function freshInput(task) {
  const input = task.panel.querySelector("[aria-invalid]");
  input?.removeAttribute("aria-invalid");
  if (input === document.activeElement) input?.blur();
}
