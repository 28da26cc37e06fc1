"""What people ask a city over and over, as addresses under /api/v1 by name."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from service.bench.operations_around import LAT, LON, REACH_DEG
from service.bench.operations_city import DAYS

EDGE_DEG = 0.02  # of a box on a map: two kilometres, a fiftieth of the city
INDICATORS = "indicators"  # names of the questions that may take longer than a page of a list begin so


def lists(now: datetime, defects: int) -> dict[str, str]:
    """Pages of a hundred, over all municipalities unless told."""
    box = f"bbox={LON},{LAT},{LON + EDGE_DEG},{LAT + EDGE_DEG}"
    since = f"{now - timedelta(30):%Y-%m-%dT%H:%M:%SZ}"
    features = "ogc/collections"
    return {
        "defects, oldest": "defects",
        "defects, in the middle": f"defects?after={defects // 2}",
        "defects, candidates of a municipality": "defects?state=candidate&municipality_id=1",
        "defects, merged (none)": "defects?state=merged",
        "defects, confirmed, highest priority": "defects?order=priority&state=confirmed",
        "defects, candidates of a class and municipality, highest priority":
            "defects?order=priority&state=candidate&class_key=garbage&municipality_id=1",
        "defects, highest score of a class and municipality": "defects?order=score&class_key=garbage&municipality_id=1",
        "defects, a thousand in a box on the map": f"defects.geojson?{box}",
        "defects, candidates in a box": f"defects.geojson?{box}&state=candidate",
        "orders, oldest": "work-orders",
        "orders, open of a municipality": "work-orders?state=open&municipality_id=1",
        "orders, in progress of a unit": "work-orders?state=in_progress&unit_id=1",
        "orders, cancelled (none)": "work-orders?state=cancelled",
        "orders, overdue": "work-orders?overdue=true",
        "orders, overdue, longest first": "work-orders?overdue=true&sort=due",
        "orders, overdue of a class and municipality":
            "work-orders?overdue=true&class_key=graffiti&municipality_id=1",
        "orders, in time of a municipality, last due first": "work-orders?overdue=false&municipality_id=1&sort=-due",
        "orders, highest priority": "work-orders?sort=-priority",
        "orders, highest priority, next page": "work-orders?sort=-priority&after={next}",
        "orders, open, highest priority": "work-orders?state=open&sort=-priority",
        "orders, open of a municipality, highest priority": "work-orders?state=open&municipality_id=1&sort=-priority",
        "orders, of a unit, lowest priority": "work-orders?unit_id=1&sort=priority",
        "orders, of a class, newest": "work-orders?class_key=garbage&sort=-opened",
        "orders, opened in a month of a municipality": f"work-orders?municipality_id=1&opened_from={since}&sort=opened",
        "orders, largest quantity": "work-orders?sort=-quantity",
        "orders, done of a municipality, largest quantity": "work-orders?state=done&municipality_id=1&sort=-quantity",
        "orders, by the beginning of their number": "work-orders?id_text=77",
        "an order with its history": f"work-orders/{defects // 2}",
        "reports, newest": "reports",
        "reports, received of a municipality": "reports?state=received&municipality_id=1",
        "reports, rejected of a class": "reports?state=rejected&class_key=garbage",
        "reports, told by address alone (none)": "reports?unplaced=true",
        "reports, of a month": f"reports?since={since}",
        "frames, processed": "frames?state=processed",
        "geodata, collections with their extents": features,
        "geodata, defects": f"{features}/defects/items",
        "geodata, defects in a box": f"{features}/defects/items?{box}",
        "geodata, open orders in a box": f"{features}/work_orders/items?{box}&state=open",
        "geodata, orders of a class and municipality":
            f"{features}/work_orders/items?class_key=garbage&municipality_id=1",
        "geodata, defects seen in a month": f"{features}/defects/items?datetime={since}/..",
    } | _around(box)  # fmt: skip


def _around(box: str) -> dict[str, str]:
    """What is asked of streets, of incidents, and by the public."""
    shown, requests = "ogc/public/collections", "open311/v2/requests"
    city = "jurisdiction_id=place_1"
    west, south = LON - REACH_DEG, LAT - REACH_DEG  # where the first streets are
    streets = f"municipality_id=1&bbox={west},{south},{west + EDGE_DEG},{south + EDGE_DEG}"
    return {
        "coverage, gaps of a municipality": "coverage/gaps?municipality_id=1",
        "coverage, gaps in a box": f"coverage/gaps?{streets}",
        "coverage, cells in a box": f"coverage/cells.geojson?{streets}",
        "geodata, covered cells": "ogc/collections/coverage/items",
        "incidents, newest": "incidents",
        "incidents, lasting": "incidents?lasting=true",
        "open geodata, collections with their extents": shown,
        "open geodata, defects": f"{shown}/defects/items",
        "open geodata, defects in the middle": f"{shown}/defects/items?after=8000000000000000",
        "open geodata, defects in a box": f"{shown}/defects/items?{box}",
        "open geodata, defects of a class and municipality":
            f"{shown}/defects/items?class_key=garbage&municipality=place_2",
        "Open311, services": f"open311/v2/services.json?{city}",
        "Open311, requests": f"{requests}.json?{city}&page_size=100",
        "Open311, requests as XML": f"{requests}.xml?{city}&page_size=100",
        "Open311, open requests of a class": f"{requests}.json?{city}&page_size=100&status=open&service_code=garbage",
        "Open311, requests near a place": f"{requests}.json?{city}&lat={LAT}&long={LON}&radius=2000&page_size=100",
        "Open311, a request": f"{requests}/bench-7.json?jurisdiction_id=place_6",
        "Open311, steps of requests": f"open311/v2/servicerequestupdates.json?{city}&page_size=100",
    }  # fmt: skip


def indicators(now: datetime) -> dict[str, str]:
    year, first = now.date() - timedelta(364), now.date() - timedelta(DAYS)
    a_year, three_years = f"period=range&from={year}&to={now.date()}", f"period=range&from={first}&to={now.date()}"
    return {
        "indicators, week": "indicators",
        "indicators, week by municipality": "indicators?by=municipality",
        "indicators, month by contractor": "indicators?period=month&by=contractor",
        "indicators, month of a municipality by unit": "indicators?period=month&by=unit&municipality_id=1",
        "indicators, Hijri month by class": "indicators?period=hijri_month&by=class",
        "indicators, month by source": "indicators?period=month&by=source",
        "indicators, a year by municipality": f"indicators?{a_year}&by=municipality",
        "indicators, a year by day": f"indicators?{a_year}&by=day",
        "indicators, three years by class": f"indicators?{three_years}&by=class",
        "indicators, ranking of the week": "ranking",
        "indicators, rows of the month's received": "indicators/received/rows?period=month",
        "indicators, rows of the year's late ones": f"indicators/percent_in_time/rows?{a_year}&met=false",
        "indicators, rows of the open": "indicators/open/rows",
        "indicators, coverage of a municipality's streets": "coverage?municipality_id=1",
        "indicators, an incident while it lasts": "incidents/1/figures",
        "indicators, an incident that is over": "incidents/2/figures",
        "indicators, where water returned": "recurrences.geojson?municipality_id=1",
    }


def address(path: str) -> str:
    """Geodata and Open311 have doors of their own."""
    return f"/{path}" if path.startswith(("ogc/", "open311/")) else f"/api/v1/{path}"


def limit_ms(name: str) -> float:
    """What a page of a list, and what an indicator may take at the largest size."""
    return 300.0 if name.startswith(INDICATORS) else 100.0


def by_regions(asked: Mapping[str, str]) -> dict[str, str]:
    """Some of these asked by somebody of three municipalities."""
    some = ("orders, open, highest", "orders, overdue", "defects, confirmed", "reports, newest", "indicators, week")
    return {f"{name} (of three)": path for name, path in asked.items() if name.startswith(some)}
