"""What is known about each source of pictures: its classes, its gaps, its viewpoint and its licence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from datasets.records import Viewpoint


@dataclass(frozen=True)
class Source:
    """One folder of pictures.

    class_map: label name in the source -> class key. A name that is missing here is refused when read.
    dropped: label names that are read and thrown away.
    labelled: the classes the source labels wherever they appear; every other class is unknown there.
    unlabelled_in_groups: group -> classes that this group's labels leave out.
    unclear: label names too loose to learn from -> the classes that become unknown in a picture carrying one.
    labelled_where_boxed: classes labelled only in the pictures that carry a box of them.
    corrected: boxes listed in datasets/corrections/<name>.csv were looked at and are read as "LABEL:verdict".
    """

    name: str
    viewpoint: Viewpoint
    licence: str
    class_map: Mapping[str, str]
    labelled: frozenset[str]
    dropped: frozenset[str] = frozenset()
    unlabelled_in_groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unclear: Mapping[str, frozenset[str]] = field(default_factory=dict)
    labelled_where_boxed: frozenset[str] = frozenset()
    corrected: bool = False
    lane_cropped: bool = False
    evaluation_only: bool = False


def _source(
    name: str,
    viewpoint: Viewpoint,
    licence: str,
    class_map: Mapping[str, str],
    also_labelled: tuple[str, ...] = (),
    **more: object,
) -> Source:
    labelled = frozenset(class_map.values()) | frozenset(also_labelled)
    return Source(name, viewpoint, licence, class_map, labelled, **more)  # type: ignore[arg-type]


_SURFACE = frozenset({"pothole", "road_crack"})
_POTHOLE_ONLY = {"pothole": "pothole"}
_WATER_ONLY = {"standing_water": "standing_water"}

# Smartathon's POTHOLES are cavities, cracks, patches and sand edges. Each of the 416 crops was seen once,
# at 150 px: 58 potholes, 152 cracks, 68 neither, 138 unclear. An unclear box makes both road surface classes
# unknown in its picture. A picture without a POTHOLES box shows no pothole; its cracks stay unknown.
_SMARTATHON = {
    "GARBAGE": "garbage",
    "GRAFFITI": "graffiti",
    "CONSTRUCTION_ROAD": "construction_barrier",
    "CLUTTER_SIDEWALK": "neglected_sidewalk",
    "BAD_BILLBOARD": "bad_billboard",
    "SAND_ON_ROAD": "sand_rubble",
    "FADED_SIGNAGE": "damaged_sign",
    "BROKEN_SIGNAGE": "damaged_sign",
    "UNKEPT_FACADE": "unkept_facade",
    "POTHOLES:pothole": "pothole",
    "POTHOLES:road_crack": "road_crack",
}
_MARSHELL = {
    "Lubang": "pothole",
    "Retak-Buaya": "road_crack",
    "Retak-Memanjang": "road_crack",
    "Retak-Melintang": "road_crack",
}
# Two survey segments show cracks and label none.
_BIANKA_NO_CRACKS = {g: frozenset({"road_crack"}) for g in ("RS_290_290RS150131", "RS_290_290RS070691")}

SOURCES: tuple[Source, ...] = (
    _source(
        "smartathon",
        Viewpoint.VEHICLE,
        "none stated (SDAIA / MOMRAH Smartathon 2023)",
        _SMARTATHON,
        dropped=frozenset({"BAD_STREETLIGHT", "POTHOLES:other"}),
        unclear={"POTHOLES": _SURFACE, "POTHOLES:unclear": _SURFACE},
        labelled_where_boxed=frozenset({"road_crack"}),
        corrected=True,
    ),
    _source(
        "bianka_br_highway",
        Viewpoint.VEHICLE,
        "MIT (Mendeley t576ydh9v8.4, Passos 2020)",
        {"pothole": "pothole", "crack": "road_crack"},
        unlabelled_in_groups=_BIANKA_NO_CRACKS,
        lane_cropped=True,
    ),
    _source("chitholian_665", Viewpoint.HANDHELD, "ODbL 1.0 (Chitholian annotated potholes)", _POTHOLE_ONLY),
    _source("marshell_topdown_crack", Viewpoint.DOWNWARD, "CC BY 4.0", _MARSHELL),
    _source("fan_stereo_pothole", Viewpoint.DOWNWARD, "MIT (Fan, stereo pothole sets)", _POTHOLE_ONLY),
    _source("india_obstacle_pothole", Viewpoint.STREET, "MIT", _POTHOLE_ONLY),
    _source("flood_street_cn", Viewpoint.STREET, "none stated (news images)", _WATER_ONLY),
    _source("flood_web_in_uk", Viewpoint.STREET, "none stated", _WATER_ONLY),
    _source("puddle_handheld_in_kr", Viewpoint.HANDHELD, "none stated (Roboflow origin)", _WATER_ONLY),
    _source("graffiti_athens", Viewpoint.HANDHELD, "Zenodo 3238357, not verified", {"Graffiti": "graffiti"}),
    _source(
        "neg_india_dash",
        Viewpoint.VEHICLE,
        "RDD2020 frames, terms not checked",
        {},
        also_labelled=("pothole", "standing_water", "garbage", "graffiti"),
    ),
    _source(
        "neg_camvid",
        Viewpoint.VEHICLE,
        "research use, CC BY-NC copy: evaluation only",
        {},
        also_labelled=("pothole",),
        evaluation_only=True,
    ),
    _source("neg_udacity", Viewpoint.VEHICLE, "MIT", {}, also_labelled=("pothole",)),
)
BY_NAME: dict[str, Source] = {s.name: s for s in SOURCES}


def at_its_word(source: Source) -> Source:
    """The source as someone reads it who looks at no picture: POTHOLES are potholes, and nothing is unclear."""
    taken = {name: "pothole" for name in source.unclear if name == "POTHOLES"}
    return replace(
        source,
        class_map={**source.class_map, **taken},
        labelled=source.labelled | frozenset(taken.values()),
        unlabelled_in_groups={},
        unclear={},
        labelled_where_boxed=frozenset(),
        corrected=False,
        lane_cropped=False,
    )
