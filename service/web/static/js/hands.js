// A mouse, a pen or a finger on the boxes; what it takes no hold of is left to the viewer, which zooms and pans.

import { boxBetween, gripAt, moveBox, resizeBox } from "./boxes.js";
import { pointOf } from "./layer.js";
import { chosenClass } from "./panels.js";
import { takePointer } from "./viewer.js";

const REACH = { mouse: 9, pen: 12, touch: 22 }; // pixels of the screen around a side that take hold of it
const STILL = 4; // pixels of the screen below which a press is a click
const MIDDLE_SHARE = 0.2; // of the visible part that a box put in the middle fills

// `desk`: current() gives the open task, show(task) repaints it, commit(task, before) makes a step of a drag,
// begin() opens the correction of the candidate's box.
export function listenForHands(figure, layer, desk) {
  const viewport = figure.querySelector("[data-viewport]");
  const listen = (type, action, options) =>
    viewport.addEventListener(type, (event) => desk.current() && action(desk.current(), event), options);
  listen("pointerdown", (task, event) => takeHold(task, event, viewport, desk), { capture: true }); // before the viewer
  listen("pointermove", (task, event) => (holds(task, event) ? drag(task, event, desk) : hover(task, event, viewport)));
  listen("pointerup", (task, event) => holds(task, event) && letGo(task, desk));
  listen("pointercancel", (task, event) => holds(task, event) && dropHand(task, desk));
  openByClick(viewport, layer, desk);
}

// Back to what was before the drag.
export function dropHand(task, desk) {
  Object.assign(task, task.hand.before, { hand: null });
  desk.show(task);
}

// For those who draw by keys.
export function boxInTheMiddle({ figure, layer, frame }) {
  const area = figure.querySelector("[data-viewport]").getBoundingClientRect();
  const half = (Math.min(area.width, area.height) * MIDDLE_SHARE) / 2;
  const [x, y] = [area.left + area.width / 2, area.top + area.height / 2];
  const corner = (sign) => pointOf(layer, { clientX: x + sign * half, clientY: y + sign * half });
  return boxBetween(corner(-1), corner(1), frame);
}

function takeHold(task, event, viewport, desk) {
  if (event.button !== 0) return;
  if (task.hand) {
    const { first } = task.hand; // a second finger has come: two fingers zoom
    dropHand(task, desk);
    takePointer(task.figure, first);
    return;
  }
  const from = pointOf(task.layer, event);
  const grip = gripOf(task, from, event) ?? (task.kind.draws ? "new" : null);
  if (!grip) return;
  event.stopPropagation();
  viewport.setPointerCapture(event.pointerId);
  const index = grip === "new" ? task.boxes.length : task.selected;
  const one = task.boxes[index] ?? chosenClass(task.panel);
  const before = { boxes: task.boxes, selected: task.selected };
  task.hand = { index, grip, one, from, before, first: event, moved: false };
}

function gripOf({ boxes, selected }, at, { pointerType }) {
  const reach = (REACH[pointerType] ?? REACH.mouse) / at.scale;
  return boxes[selected] ? gripAt(boxes[selected].box, at, reach) : null;
}

function holds(task, event) {
  return task.hand?.first.pointerId === event.pointerId;
}

function hover(task, event, viewport) {
  viewport.dataset.grip = gripOf(task, pointOf(task.layer, event), event) ?? "";
}

function drag(task, event, desk) {
  const { hand } = task;
  const at = pointOf(task.layer, event);
  hand.moved ||= Math.hypot(at.x - hand.from.x, at.y - hand.from.y) * at.scale >= STILL;
  if (!hand.moved) return;
  const boxes = [...hand.before.boxes];
  boxes[hand.index] = { ...hand.one, box: dragged(hand, at, task.frame) };
  Object.assign(task, { boxes, selected: hand.index });
  desk.show(task);
}

function dragged({ grip, one, from }, at, frame) {
  if (grip === "new") return boxBetween(from, at, frame);
  const [dx, dy] = [at.x - from.x, at.y - from.y];
  return grip === "body" ? moveBox(one.box, dx, dy, frame) : resizeBox(one.box, grip, dx, dy, frame);
}

// A drag is a step; a click selects the drawn box under it, or none.
function letGo(task, desk) {
  const { before, moved, grip, from } = task.hand;
  if (moved) {
    task.hand = null;
    desk.commit(task, before);
    return;
  }
  dropHand(task, desk);
  if (grip !== "new") return;
  task.selected = task.boxes.findLastIndex(({ box }) => gripAt(box, from, 0));
  desk.show(task);
}

// A click on the candidate's box, with no task open, takes it in hand.
function openByClick(viewport, layer, desk) {
  let pressed = null;
  viewport.addEventListener("pointerdown", (event) => (pressed = desk.current() ? null : event));
  viewport.addEventListener("click", (event) => {
    if (!pressed || Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) >= STILL) return;
    const { x, y, width, height } = viewport.querySelector("[data-own] rect").getBBox();
    if (gripAt([x, y, x + width, y + height], pointOf(layer, event), 0)) desk.begin();
  });
}
