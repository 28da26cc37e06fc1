"""How long a crew works at one place and what it needs there: data with the reason for every figure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

ASPHALT_DEPTH_M, ASPHALT_KG_PER_M3, ASPHALT_LOSS = 0.05, 2_350.0, 1.10
ASPHALT_KG_PER_M2 = ASPHALT_DEPTH_M * ASPHALT_KG_PER_M3 * ASPHALT_LOSS
PAINT_L_PER_M2, COATS, GRAFFITI_HIGH_M = 0.15, 2, 1.5
OWN = "own starting value; measure and set it for your crew"


@dataclass(frozen=True)
class WorkTime:
    """Minutes at one place: `fixed_min` and so many for each unit of work, within bounds; more than `round_of` units
    are done in several rounds."""

    fixed_min: float
    per_unit_min: float
    least_min: float
    most_min: float
    unknown_min: float  # where the quantity is not known
    because: str = OWN
    round_of: float | None = None

    def minutes(self, quantity: float | None) -> float:
        """
        >>> WORK_TIMES["pothole"].minutes(0.1), WORK_TIMES["pothole"].minutes(0.44), WORK_TIMES["pothole"].minutes(2.5)
        (6.0, 9.4, 30.0)
        """
        if quantity is None:
            return self.unknown_min
        rounds = ceil(quantity / self.round_of) if self.round_of and quantity > self.round_of else 1
        each = self.fixed_min + self.per_unit_min * quantity / rounds
        return rounds * min(self.most_min, max(self.least_min, each))


@dataclass(frozen=True)
class Material:
    """What is used up or carried away for one unit of work."""

    key: str
    name_en: str
    name_ar: str
    unit: str  # kg, l, m2, m3, count
    per_unit: float
    kg_each: float  # mass of one of `unit` that the vehicle must bring; 0 for what it carries away
    because: str
    because_ar: str


@dataclass(frozen=True)
class Need:
    """An amount of a material for some orders; `unknown_orders` have no quantity yet and are not in it."""

    material: Material
    amount: float
    orders: int
    unknown_orders: int


WORK_TIMES: dict[str, WorkTime] = {
    "pothole": WorkTime(5, 10, 5, 10, 7.5, "a pothole machine needs 5-10 minutes a hole; larger ones in parts", 1.0),
    "road_crack": WorkTime(10, 2, 10, 120, 20),
    "garbage": WorkTime(5, 10, 5, 120, 15),
    "graffiti": WorkTime(15, 3, 15, 180, 30),
    "construction_barrier": WorkTime(5, 10, 10, 60, 15),
    "neglected_sidewalk": WorkTime(20, 15, 30, 480, 120),
    "bad_billboard": WorkTime(15, 30, 30, 120, 45),
    "sand_rubble": WorkTime(10, 10, 10, 240, 30),
    "standing_water": WorkTime(15, 1 / 12, 15, 240, 30, "a mobile rain-water unit pumps 12 m3 a minute; 15 to set up"),
    "damaged_sign": WorkTime(10, 20, 20, 120, 30),
    "unkept_facade": WorkTime(20, 4, 30, 480, 90),
}

MATERIALS: dict[str, tuple[Material, ...]] = {
    "pothole": (
        Material(
            "asphalt", "Asphalt", "أسفلت", "kg", ASPHALT_KG_PER_M2, 1.0,
            f"{ASPHALT_DEPTH_M * 100:g} cm deep, {ASPHALT_KG_PER_M3:,.0f} kg/m3, {ASPHALT_LOSS - 1:.0%} lost",
            f"عمق {ASPHALT_DEPTH_M * 100:g} سم، {ASPHALT_KG_PER_M3:,.0f} كجم/م³، فاقد {ASPHALT_LOSS - 1:.0%}",
        ),
        Material("emulsion", "Tack coat emulsion", "مستحلب لاصق", "l", 0.5, 1.0, "0.5 l/m2", "0.5 لتر/م²"),
    ),
    "road_crack": (
        Material(
            "sealant", "Crack sealant", "مادة سد الشقوق", "kg", 1.5, 1.0, f"1.5 kg/m2; {OWN}",
            "1.5 كجم/م²، قيمة ابتدائية",
        ),
    ),
    "garbage": (
        Material("bag", "Bags of 120 l", "أكياس 120 لتر", "count", 9.0, 0.05, "1 m3 fills 9", "المتر المكعب يملأ 9"),
    ),
    "graffiti": (
        Material(
            "paint", "Wall paint", "دهان جدران", "l", GRAFFITI_HIGH_M * PAINT_L_PER_M2 * COATS, 1.4,
            f"a strip {GRAFFITI_HIGH_M} m high, {PAINT_L_PER_M2} l/m2, {COATS} coats",
            f"شريط بارتفاع {GRAFFITI_HIGH_M} م، {PAINT_L_PER_M2} لتر/م²، {COATS} طبقات",
        ),
    ),
    "unkept_facade": (
        Material(
            "paint", "Wall paint", "دهان جدران", "l", PAINT_L_PER_M2 * COATS, 1.4,
            f"{PAINT_L_PER_M2} l/m2, {COATS} coats", f"{PAINT_L_PER_M2} لتر/م²، {COATS} طبقات",
        ),
    ),
    "construction_barrier": (
        Material("barrier", "Barrier", "حاجز", "count", 1.0, 30.0, "one is replaced by one", "واحد بدل واحد"),
    ),
    "neglected_sidewalk": (
        Material(
            "tile", "Paving tiles", "بلاط أرصفة", "m2", 1.05, 130.0, "5 % broken; 6 cm thick, 2,200 kg/m3",
            "فاقد 5%، سماكة 6 سم، 2,200 كجم/م³",
        ),
        Material(
            "mortar", "Bedding mortar", "مونة", "kg", 60.0, 1.0, "3 cm of 2,000 kg/m3", "3 سم، 2,000 كجم/م³"
        ),
    ),
    "damaged_sign": (
        Material("sign", "Sign with fixings", "لوحة مع المثبتات", "count", 1.0, 8.0, "one for one", "واحدة بدل واحدة"),
    ),
    "sand_rubble": (
        Material(
            "haul", "Volume to haul", "حجم للنقل", "m3", 1.25, 0.0, "loosened by a quarter", "يزيد بالتفكيك الربع"
        ),
    ),
    "standing_water": (
        Material("haul_water", "Water to pump", "مياه للشفط", "m3", 1.0, 0.0, "as measured", "كما قيس"),
    ),
}  # fmt: skip


def work_min(class_key: str, quantity: float | None, own: Mapping[str, WorkTime]) -> float:
    """`own` are the times that a crew has set for itself."""
    return (own.get(class_key) or WORK_TIMES[class_key]).minutes(quantity)


def brought_kg(class_key: str, quantity: float | None) -> float:
    """What the vehicle must carry to the place; 0 where the quantity is unknown."""
    return sum((quantity or 0.0) * one.per_unit * one.kg_each for one in MATERIALS.get(class_key, ()))


def needs(work: Iterable[tuple[str, float | None]]) -> list[Need]:
    """What (class, quantity) together use, each assumption apart, in the order of MATERIALS."""
    listed = list(work)
    found = []
    for class_key, materials in MATERIALS.items():
        amounts = [quantity for key, quantity in listed if key == class_key]
        known = [amount for amount in amounts if amount is not None]
        if amounts:
            found += [
                Need(one, sum(known) * one.per_unit, len(amounts), len(amounts) - len(known)) for one in materials
            ]
    return found
