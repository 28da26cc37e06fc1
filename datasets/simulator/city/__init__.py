"""A simulated city surveyed over months: what the detector says of every frame, with the truth of every defect.

Nothing is drawn: 100,000 frames take a minute, so identity, position and repairs can be measured over whole surveys.
"""

from datasets.simulator.city.city import City, build_city
from datasets.simulator.city.defects import Life, TrueDefect
from datasets.simulator.city.frames import FrameTruth, ObservedBox, ObservedFrame
from datasets.simulator.city.observing import observe
from datasets.simulator.city.passes import Pass, plan_passes
from datasets.simulator.city.rates import ClassRates, Rates
from datasets.simulator.city.streets import Street
from datasets.simulator.city.vehicles import ToldCamera, TrueCamera, Vehicle

__all__ = [
    "City",
    "ClassRates",
    "FrameTruth",
    "Life",
    "ObservedBox",
    "ObservedFrame",
    "Pass",
    "Rates",
    "Street",
    "ToldCamera",
    "TrueCamera",
    "TrueDefect",
    "Vehicle",
    "build_city",
    "observe",
    "plan_passes",
]
