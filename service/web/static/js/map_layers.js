// How the map looks: the sightings above the defect and its ellipse, those above its neighbours and the streets.

export const BLANK = {
  version: 8,
  sources: {},
  layers: [{ id: "ground", type: "background", paint: { "background-color": "#eef1f0" } }],
};
export const DRAWN = ["streets", "ellipse", "sights", "vehicles", "sightings", "others", "neighbours", "defect"];
export const FONT = ["Plex", "sans-serif"];

const COLOR = ["get", "color"];
const WHITE = "#ffffff";
const INK = "#17211f";
const ACCENT = "#0f5c4c";

const is = (kind, ...more) => ["all", ["==", ["get", "kind"], kind], ...more];
const SAME = ["==", ["get", "same_class"], true];
const NONE = ["==", ["get", "kind"], ""];

export function layers() {
  return [
    { id: "boundary", type: "line", source: "boundary", paint: { "line-color": "#6b7a76", "line-width": 2, "line-dasharray": [3, 2] } },
    line("streets", is("street"), { "line-color": "#c3cdca", "line-width": ["interpolate", ["exponential", 2], ["zoom"], 14, 2, 20, 24] }),
    {
      id: "street-names",
      type: "symbol",
      source: "defect",
      filter: is("street", ["has", "name"], ["!=", ["get", "name"], null]),
      layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-font": FONT, "text-size": 12 },
      paint: { "text-color": "#5a6865", "text-halo-color": WHITE, "text-halo-width": 1.5 },
    },
    circle("others", is("neighbour", ["!", SAME]), 5, COLOR, { "circle-opacity": 0.35, "circle-stroke-opacity": 0.5 }),
    circle("neighbours", is("neighbour", SAME), 6, COLOR, { "circle-opacity": 0.75 }),
    line("sights", is("sight"), { "line-color": INK, "line-opacity": 0.35, "line-width": 1, "line-dasharray": [2, 2] }),
    { id: "ellipse", type: "fill", source: "defect", filter: is("ellipse_95"), paint: { "fill-color": COLOR, "fill-opacity": 0.22 } },
    line("ellipse-line", is("ellipse_95"), { "line-color": INK, "line-opacity": 0.7, "line-width": 1.5 }),
    circle("vehicles", is("vehicle"), 3.5, WHITE, { "circle-stroke-color": INK }),
    circle("defect", is("defect"), 8, COLOR, { "circle-stroke-color": INK, "circle-stroke-width": 2 }),
    circle("sightings", is("sighting"), 3, INK, { "circle-stroke-width": 1 }),
    circle("chosen-sighting", NONE, 6, ACCENT, { "circle-stroke-width": 2 }),
    circle("chosen-neighbour", NONE, 10, COLOR, { "circle-stroke-color": ACCENT, "circle-stroke-width": 3 }),
  ];
}

// Filters of the layers that mark one sighting and one neighbour, each null for none.
export function chosen({ sighting = null, neighbour = null }) {
  return {
    "chosen-sighting": sighting ? is("sighting", ["==", ["get", "detection_id"], sighting]) : NONE,
    "chosen-neighbour": neighbour ? is("neighbour", ["==", ["get", "defect_id"], neighbour]) : NONE,
  };
}

function line(id, filter, paint) {
  return { id, type: "line", source: "defect", filter, layout: { "line-cap": "round", "line-join": "round" }, paint };
}

function circle(id, filter, radius, color, paint) {
  const own = { "circle-radius": radius, "circle-color": color, "circle-stroke-color": WHITE, "circle-stroke-width": 1.5 };
  return { id, type: "circle", source: "defect", filter, paint: { ...own, ...paint } };
}
