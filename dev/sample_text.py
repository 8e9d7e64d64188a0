"""Maintenance reasons by number: `reason(i)` for people and tests, `reason_sql` for Spark, one numbering.

A reason reads `<part> <fault>; <finding> during <occasion>, last inspected <n> flight hours ago`.
The words of a family (one per component type) fit each other, so the sentence stays believable.

Different indexes give different reasons: `number_of` is a bijection of 0 .. CAPACITY-1 (its step has no
divisor in common with CAPACITY), the number is read as digits (family, part, fault, finding, occasion,
hours), and a reason can be read back into its digits: no word holds one of the joining phrases, no two
(part, fault) make the same beginning, and no list repeats a word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """The words that fit one component type: 6 parts, 8 faults, 8 findings."""

    component_type: str
    base_cost: int
    parts: tuple[str, ...]
    faults: tuple[str, ...]
    findings: tuple[str, ...]


def _family(component_type: str, base_cost: int, parts: str, faults: str, findings: str) -> Family:
    split = [tuple(word.strip() for word in words.split("|")) for words in (parts, faults, findings)]
    return Family(component_type, base_cost, *split)


FAMILIES = (
    _family(
        "Fan",
        28_000,
        "Fan blade | Fan disk | Spinner cone | Fan case liner | Fan platform | Fan blade root",
        "nicked by foreign object | tip curled | out of balance | cracked at leading edge"
        " | eroded beyond limits | delaminated | rubbing the abradable | struck by bird",
        "vibration rose on the fan channel | dent measured outside blend limits | missing coating seen"
        " | crew reported a thump at rotation | debris found in the inlet | trim balance did not hold"
        " | crack confirmed by eddy current | damage visible from the ground",
    ),
    _family(
        "Compressor",
        22_000,
        "Compressor blade | Variable stator vane | Inlet guide vane | Bleed valve | Compressor case | Stage 5 stator",
        "cracked | seized | binding in its bushing | worn beyond tolerance | corroded | fouled by deposits"
        " | leaking at the split line | out of rig",
        "two stalls recorded | margin to surge below limit | damage seen through the borescope port"
        " | start time longer than allowed | performance trend shifted | actuator travel incomplete"
        " | loud bang heard by cabin crew | compressor wash brought no recovery",
    ),
    _family(
        "Turbine",
        45_000,
        "Turbine blade | Nozzle guide vane | Turbine shroud | Turbine disk | Clearance control valve"
        " | Exhaust gas temperature probe",
        "burned through | sulphidated | cracked at trailing edge | missing its coating | rubbed at the tip"
        " | creep stretched | reading high | distressed by heat",
        "exhaust gas temperature margin lost | metal found in the tailpipe | hot spot seen by borescope"
        " | take-off temperature exceeded | growth measured beyond limits | two probes disagreed"
        " | core speed split observed | cooling holes found blocked",
    ),
    _family(
        "FuelPump",
        15_000,
        "Fuel pump | Fuel metering unit | Fuel nozzle | Main fuel filter | Fuel manifold | Fuel bypass valve",
        "leaking | drifting out of calibration | clogged | stuck closed | cavitating | contaminated"
        " | losing pressure | chafed at the clamp",
        "fuel smell reported in the cabin | low pressure light came on | differential pressure above limit"
        " | engine slow to accelerate | fuel seen at the drain mast | filter bypass message logged"
        " | flow differed from the other engine | water found in the sample",
    ),
    _family(
        "Bearing",
        8_500,
        "Thrust bearing | No. 4 bearing | Gearbox bearing | Bearing seal | Bearing race | Oil scavenge line",
        "worn | spalled | overheated | starved of oil | leaking oil | brinelled | noisy on rundown | cracked",
        "magnetic chip detector caught flakes | oil consumption doubled | oil temperature climbed"
        " | oil analysis showed iron and silver | smoke seen in the bleed air | vibration above threshold"
        " | rotor hard to turn by hand | filter paste found grey",
    ),
    _family(
        "FMS",
        35_000,
        "Flight management computer | Control display unit | Navigation data loader | FMS power supply"
        " | FMS memory card | Display unit fan",
        "rebooting in flight | frozen | failing self-test | losing the flight plan | overheating"
        " | rejecting the database | showing dashes | dropping its bus",
        "fault code stored | map shift noted by crew | dual failure message displayed | reset gave no relief"
        " | position differed between sides | cooling airflow low | connector pins found bent"
        " | software load did not verify",
    ),
    _family(
        "ADC",
        18_000,
        "Air data computer | Pitot probe | Static port | Angle of attack vane | Total air temperature probe"
        " | Pitot heater",
        "disagreeing with standby | blocked | erratic | drawing no current | leaking in the line"
        " | slow to respond | corroded at the connector | out of tolerance",
        "airspeed flag shown on captain side | altitude split of two hundred feet | overspeed warning false"
        " | water drained from the line | insect nest removed | heater current at zero"
        " | leak test failed | autothrottle disconnected",
    ),
    _family(
        "NAV",
        12_000,
        "Navigation receiver | Localizer antenna | VOR antenna | GPS receiver | Marker beacon receiver"
        " | Radio altimeter",
        "weak in reception | intermittent | deaf | jumping between values | tripping its breaker"
        " | moisture damaged | noisy | off frequency",
        "autoland downgraded | approach flown without glideslope | bearing pointer wandered"
        " | antenna seal found open | standing wave ratio high | flag in view on both displays"
        " | audio ident missing | second unit tested good in the same slot",
    ),
    _family(
        "HydraulicPump",
        9_500,
        "Hydraulic pump | Hydraulic pump seal | Pump drive shaft | Case drain filter | Pressure switch"
        " | Pump compensator",
        "leaking | sheared | hunting | overheated | losing output | squealing | clogged by debris | worn at the spline",
        "fluid found on pylon | low pressure caption came on | pressure fell under load"
        " | metal found in the case drain | quantity dropped in cruise | fluid smelled burnt"
        " | standby pump took over | pressure ripple above limit",
    ),
    _family(
        "Reservoir",
        5_200,
        "Hydraulic reservoir | Reservoir sight glass | Quantity transmitter | Reservoir relief valve"
        " | Bootstrap piston | Air bleed valve",
        "seeping | cracked | over-reading | stuck open | dented | venting fluid | corroded under the strap"
        " | losing pressurisation",
        "quantity differed from the gauge | puddle seen below the bay | foam seen in the fluid"
        " | pump cavitation followed | low air pressure message shown | refill needed every day"
        " | bracket found loose | moisture content high",
    ),
    _family(
        "Actuator",
        7_500,
        "Flap actuator | Actuator ball screw | Actuator rod end | Actuator torque tube | Position sensor"
        " | Actuator gland nut",
        "leaking | jammed | worn beyond play limit | asymmetric | slow to extend | corroded | bent"
        " | creeping under load",
        "flaps locked at fifteen | asymmetry detected by computer | hydraulic fluid ran down the fairing"
        " | free play measured too large | grating noise heard | grease found washed out"
        " | travel time above limit | attachment bolt found worn",
    ),
)
# The first SCHEDULED_OCCASIONS are planned work.
OCCASIONS = (
    "scheduled A-check",
    "C-check",
    "scheduled overhaul",
    "borescope inspection",
    "daily check",
    "walk-around",
    "climb out of the departure station",
    "cruise",
    "ground run",
    "troubleshooting of a crew report",
)
SCHEDULED_OCCASIONS = 4
HOURS = 500  # 1 .. HOURS flight hours since the last inspection

PARTS, FAULTS, FINDINGS = (len(words) for words in (FAMILIES[0].parts, FAMILIES[0].faults, FAMILIES[0].findings))
HEADS = tuple(f"{part} {fault}" for family in FAMILIES for part in family.parts for fault in family.faults)
TAILS = tuple(finding for family in FAMILIES for finding in family.findings)

# The sizes of the digits behind the head, lowest last.
_PER_OCCASION = HOURS
_PER_FINDING = len(OCCASIONS) * _PER_OCCASION
_PER_HEAD = FINDINGS * _PER_FINDING
PER_FAMILY = PARTS * FAULTS * _PER_HEAD
CAPACITY = len(FAMILIES) * PER_FAMILY

FINDING_JOIN, OCCASION_JOIN, HOURS_JOIN = "; ", " during ", ", last inspected "
END = " flight hours ago"


def coprime_step(size: int) -> int:
    """Step near the golden section of `size` without a common divisor: i ↦ i·step mod size is a bijection.

    Neighbours land far apart, so a few hundred reasons already use every family.
    """
    step = max(1, round(size * 0.618034))
    while math.gcd(step, size) != 1:
        step += 1
    return step


_STEP = coprime_step(CAPACITY)


def _shift(seed: int) -> int:
    return seed * 7_368_787 % CAPACITY


def number_of(index: int, seed: int) -> int:
    """Return the number of the reason with this index, 0 .. CAPACITY-1; a bijection for every seed."""
    if not 0 <= index < CAPACITY:
        raise ValueError(f"a reason's index is 0 to {CAPACITY - 1:,}, not {index:,}")
    return (index * _STEP + _shift(seed)) % CAPACITY


def number_sql(index: str, seed: int) -> str:
    """Return `number_of` as a Spark SQL expression over the expression `index` (bigint)."""
    return f"pmod(({index}) * {_STEP}L + {_shift(seed)}L, {CAPACITY}L)"


def reason(index: int, seed: int = 7) -> str:
    """Return the reason with this index (0 .. CAPACITY-1): English, under 200 characters."""
    number = number_of(index, seed)
    family, within_finding = number // PER_FAMILY, number % _PER_FINDING
    finding = TAILS[family * FINDINGS + number % _PER_HEAD // _PER_FINDING]
    occasion, hours = OCCASIONS[within_finding // _PER_OCCASION], number % HOURS + 1
    head = HEADS[number // _PER_HEAD]
    return f"{head}{FINDING_JOIN}{finding}{OCCASION_JOIN}{occasion}{HOURS_JOIN}{hours}{END}"


def family_sql(number: str) -> str:
    """Return the position in FAMILIES of a reason's number, as Spark SQL."""
    return f"({number}) div {PER_FAMILY}L"


def scheduled_sql(number: str) -> str:
    """Return whether the reason with this number speaks of planned work, as Spark SQL."""
    return f"pmod({number}, {_PER_FINDING}L) < {SCHEDULED_OCCASIONS * _PER_OCCASION}L"


def reason_sql(number: str) -> str:
    """Return the reason with this number as Spark SQL: the same text that `reason` gives."""
    finding = f"({family_sql(number)}) * {FINDINGS}L + pmod({number}, {_PER_HEAD}L) div {_PER_FINDING}L"
    parts = (
        word_sql(HEADS, f"({number}) div {_PER_HEAD}L"),
        f"'{FINDING_JOIN}'",
        word_sql(TAILS, finding),
        f"'{OCCASION_JOIN}'",
        word_sql(OCCASIONS, f"pmod({number}, {_PER_FINDING}L) div {_PER_OCCASION}L"),
        f"'{HOURS_JOIN}'",
        f"pmod({number}, {HOURS}L) + 1",
        f"'{END}'",
    )
    return f"concat({', '.join(parts)})"


def word_sql(words: tuple[str, ...] | tuple[int, ...], position: str) -> str:
    """Return the word at a 0-based position (a bigint expression) as Spark SQL. No word holds a quote."""
    literals = ", ".join(f"'{word}'" if isinstance(word, str) else str(word) for word in words)
    return f"element_at(array({literals}), cast({position} as int) + 1)"
