// The map beside the frame. One map serves all defects that are opened: browsers have few drawing contexts to give.

import { addBasemap } from "./basemap.js";
import { BLANK, DRAWN, chosen, layers } from "./map_layers.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const FIT = { padding: 28, maxZoom: 20, animate: false };
const NEAR_PX = 6; // a finger or a shaky mouse is that far off

let live; // { map, ground, figure, bbox }
let opening; // the promise of it: two figures never make two
let under; // the promise of the basemap
let attribution = ""; // of the basemap

export async function showMap(figure) {
  if (figure.dataset.shown) return;
  figure.dataset.shown = "yes";
  try {
    opening ??= open(figure);
    live = await opening;
  } catch {
    figure.classList.add("failed"); // no WebGL here: the page's words say the same
    return;
  }
  if (!figure.isConnected) return; // the next one is open already
  live.figure = figure;
  if (!live.ground.isConnected || !figure.contains(live.ground)) figure.querySelector("[data-ground]").replaceWith(live.ground);
  live.ground.setAttribute("aria-label", figure.dataset.label);
  live.map.resize();
  listen(figure);
  await fill(figure);
  if (figure.dataset.basemap) under ??= showBasemap(figure.dataset.basemap);
}

// Marks what the pointer or the keyboard is at in the list beside the map.
export function choose(names) {
  if (live) for (const [id, filter] of Object.entries(chosen(names))) live.map.setFilter(id, filter);
}

// Where on the screen a defect of the map lies, null where it is not drawn.
export function placeOf(defectId) {
  const [one] = live.map.querySourceFeatures("defect", { filter: ["==", ["id"], defectId] });
  if (!one) return null;
  const { x, y } = live.map.project(one.geometry.coordinates);
  const area = live.map.getCanvas().getBoundingClientRect();
  return { x: area.left + x, y: area.top + y };
}

async function open(figure) {
  const { Map: Chart, ScaleControl, addProtocol } = await import("../vendor/maplibre-gl/maplibre-gl.mjs");
  const ground = figure.querySelector("[data-ground]");
  const map = new Chart({
    container: ground,
    style: BLANK,
    keyboard: false, // its keys are the desk's
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: false,
    maplibreLogo: false,
    fadeDuration: 0,
    locale: { "Map.Title": figure.dataset.label, "ScaleControl.Meters": figure.dataset.metres },
  });
  map.getCanvas().setAttribute("tabindex", "-1"); // nothing on it that the lists beside it lack
  map.touchZoomRotate.disableRotation();
  map.addControl(new ScaleControl({ maxWidth: 90 }), "bottom-left");
  await new Promise((done, failed) => {
    map.once("load", done);
    map.once("error", ({ error }) => failed(error));
  });
  for (const id of ["boundary", "defect"]) map.addSource(id, { type: "geojson", data: EMPTY, tolerance: 0 }); // an ellipse stays round
  layers().forEach((layer) => map.addLayer(layer));
  map.on("click", pick);
  map.on("mousemove", (event) => (map.getCanvas().style.cursor = hit(event) ? "pointer" : ""));
  map.on("idle", tell);
  return { map, ground, addProtocol };
}

async function showBasemap(address) {
  try {
    attribution = await addBasemap(live.map, live.addProtocol, address);
    live.figure.querySelector("[data-attribution]").textContent = attribution;
  } catch (error) {
    console.warn("the basemap cannot be shown", error); // the rest of the map is drawn without it
  }
}

async function fill(figure) {
  const [features, boundary] = await Promise.all([figure.dataset.features, figure.dataset.boundary].map(read));
  if (live.figure !== figure) return; // the next defect is open already
  figure.querySelector("[data-attribution]").textContent = attribution;
  live.bbox = features.bbox;
  live.map.getSource("boundary").setData(boundary.geometry ? boundary : EMPTY);
  live.map.getSource("defect").setData(features);
  choose({ sighting: Number(figure.dataset.sighting) || null });
  if (live.bbox) live.map.fitBounds(live.bbox, FIT);
}

async function read(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/geo+json" } });
    return answer.ok ? await answer.json() : EMPTY;
  } catch {
    return EMPTY; // the page around it tells when the service does not answer
  }
}

function listen(figure) {
  const zoom = { in: () => live.map.zoomIn(), out: () => live.map.zoomOut(), all: () => live.map.fitBounds(live.bbox, FIT) };
  figure.querySelectorAll("[data-map-zoom]").forEach((button) => {
    button.addEventListener("click", () => zoom[button.dataset.mapZoom]());
  });
  for (const row of document.querySelectorAll("[data-neighbour]")) {
    const mark = () => choose({ neighbour: Number(row.dataset.neighbour), sighting: Number(figure.dataset.sighting) || null });
    row.addEventListener("pointerenter", mark);
    row.addEventListener("focusin", mark);
  }
}

function hit({ point }) {
  const box = [[point.x - NEAR_PX, point.y - NEAR_PX], [point.x + NEAR_PX, point.y + NEAR_PX]];
  return live?.map.queryRenderedFeatures(box, { layers: ["neighbours", "others", "sightings"] })[0];
}

// A sighting shows its frame; a neighbour is chosen to merge into, or opened where nothing is to be merged.
function pick(event) {
  const { kind, defect_id: defect, detection_id: detection } = hit(event)?.properties ?? {};
  const opens = live.figure.dataset.opens;
  if (kind === "sighting") {
    const link = document.querySelector(`a[data-sighting="${detection}"]`);
    if (link) link.click();
    else if (opens) location.assign(`${opens}?sighting=${detection}`);
  }
  if (kind !== "neighbour") return;
  const row = document.querySelector(`[data-neighbour="${defect}"]`);
  if (row) {
    row.closest("details").open = true;
    row.querySelector("button").focus();
  } else if (opens) {
    location.assign(`/defects/${defect}`);
  }
}

// Says in the page how much of each kind is drawn, since nothing but eyes can read a canvas.
function tell() {
  const shown = (id) => live?.map.queryRenderedFeatures({ layers: [id] }) ?? [];
  const counts = DRAWN.map((id) => [id, new Set(shown(id).map((one) => JSON.stringify(one.properties))).size]); // tiles repeat
  live?.figure?.setAttribute("data-drawn", JSON.stringify(Object.fromEntries(counts)));
  if (attribution && live.map.areTilesLoaded()) live.figure.dataset.under = "drawn";
}
