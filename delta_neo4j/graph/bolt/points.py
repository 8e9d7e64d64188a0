"""The conversion of structs to the point classes that the driver packs."""

from __future__ import annotations

from neo4j import spatial


def point(place: dict[str, float] | None) -> spatial.Point | None:
    """Return a struct of longitude and latitude (and height), or of x and y (and z), as a point; None for None."""
    if place is None:
        return None
    if "longitude" in place:
        return spatial.WGS84Point([float(place[name]) for name in ("longitude", "latitude", "height") if name in place])
    return spatial.CartesianPoint([float(place[name]) for name in ("x", "y", "z") if name in place])
