"""A time zone whose present hour lasts long enough."""

from __future__ import annotations

import datetime

# Their hours end at :00, :30 and :15 of UTC; none of them changes its clock in summer.
_ZONES = (("UTC", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15))
_HOUR_SECONDS = 3600


def seconds_left(now: datetime.datetime, ends_at_minute: int) -> int:
    """Until the minute of an hour comes next; `now` is aware."""
    utc = now.astimezone(datetime.UTC)
    passed = utc.minute * 60 + utc.second
    return (ends_at_minute * 60 - passed - 1) % _HOUR_SECONDS + 1


def zone_for(now: datetime.datetime, needed_seconds: int) -> str:
    """UTC if that will do, else the zone whose hour lasts longest; one of them always has over 15 minutes."""
    if seconds_left(now, 0) >= needed_seconds:
        return "UTC"
    return max(_ZONES, key=lambda zone: seconds_left(now, zone[1]))[0]
