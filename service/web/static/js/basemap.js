// The city under the defects, from one .pmtiles file that this service hands out: pictures, or vector tiles in the
// layers of Protomaps or OpenMapTiles.

import { FONT } from "./map_layers.js";

const READER = "/static/vendor/pmtiles/pmtiles.js";
const PICTURES = { 2: "png", 3: "jpeg", 4: "webp", 5: "avif" }; // tile types of PMTiles 3; 1 is vector
const FILLS = {
  earth: "#f6f4ef", landcover: "#edf0e4", landuse: "#eceee6", park: "#dfead6", water: "#c5dae6", buildings: "#e3ded5", building: "#e3ded5",
};
const ROADS = ["roads", "transportation"];
const NAMES = { roads: "line", transportation_name: "line", places: "point", place: "point" };

// Adds it under everything else; gives the words that its makers ask to be shown.
export async function addBasemap(map, addProtocol, address) {
  await load(READER);
  const archive = new window.pmtiles.PMTiles(new URL(address, location.href).href);
  const protocol = new window.pmtiles.Protocol();
  protocol.add(archive);
  addProtocol("pmtiles", protocol.tile);
  const [header, about] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const picture = header.tileType in PICTURES;
  map.addSource("basemap", { type: picture ? "raster" : "vector", url: `pmtiles://${archive.source.getKey()}`, ...(picture && { tileSize: 256 }) });
  const first = map.getStyle().layers[1]?.id; // above the ground, below all else
  for (const layer of picture ? [{ id: "basemap", type: "raster", source: "basemap" }] : vectorLayers(about)) map.addLayer(layer, first);
  return plain(about?.attribution);
}

function vectorLayers(about) {
  const there = new Set((about?.vector_layers ?? []).map((layer) => layer.id));
  const kept = (names) => names.filter((name) => there.has(name));
  return [
    ...kept(Object.keys(FILLS)).map((name) => layer(name, "fill", { "fill-color": FILLS[name] }, { filter: ["==", ["geometry-type"], "Polygon"] })),
    ...kept(ROADS).flatMap((name) => [road(name, "casing", "#d3cdc2", 1.35), road(name, "road", "#ffffff", 1)]),
    ...kept(Object.keys(NAMES)).map((name) => label(name, NAMES[name])),
  ];
}

function layer(name, type, paint, more) {
  return { id: `basemap-${name}-${type}`, type, source: "basemap", "source-layer": name, paint, ...more };
}

function road(name, part, color, wider) {
  const width = ["interpolate", ["exponential", 1.8], ["zoom"], 10, 0.6 * wider, 20, 22 * wider];
  const id = `basemap-${name}-${part}`;
  return layer(name, "line", { "line-color": color, "line-width": width }, { id, layout: { "line-cap": "round", "line-join": "round" } });
}

function label(name, placement) {
  const own = `name:${document.documentElement.lang}`;
  const text = ["coalesce", ["get", own], ["get", "name"], ""];
  const layout = { "symbol-placement": placement, "text-field": text, "text-font": FONT, "text-size": 12 };
  return layer(name, "symbol", { "text-color": "#5a6865", "text-halo-color": "#ffffff", "text-halo-width": 1.5 }, { layout });
}

function load(address) {
  return new Promise((done, failed) => {
    if (window.pmtiles) return done();
    const script = document.createElement("script");
    Object.assign(script, { src: address, onload: done, onerror: () => failed(new Error(`cannot load ${address}`)) });
    document.head.append(script);
  });
}

// The words of a snippet of HTML; its links would lead to other hosts.
function plain(html) {
  return new DOMParser().parseFromString(html ?? "", "text/html").body.textContent;
}
