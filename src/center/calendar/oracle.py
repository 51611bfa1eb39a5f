"""Says on which days rules fall, as python3-dateutil understands RFC 5545.

Each line of the input is `20260105T090000 FREQ=...`; each line of the output has the days, none after 2045.
"""
import datetime
import sys

from dateutil.rrule import rrulestr

# The last year that dateutil looks at: a rule without any day would be sought for until 9999.
datetime.MAXYEAR = 2045
for line in sys.stdin.readlines():
    start, text = line.split()
    rule = rrulestr(text, dtstart=datetime.datetime.strptime(start, "%Y%m%dT%H%M%S"))
    print(*(day.strftime("%Y%m%d") for day in rule if day.year <= 2045))
