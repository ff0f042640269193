"""Prints a table of what lib/measure measured: table.py FILE, with lines SET WHERE PHASE MICROSECONDS."""

import collections
import pathlib
import statistics
import sys

times = collections.defaultdict(list)
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    layout, where, phase, microseconds = line.split()
    times[layout, where, phase].append(int(microseconds) / 1000)

KINDS = {"files": "a file each", "yaml": "one YAML file"}
print("| secrets | phase | guest, median | best | worst | same on the host, median | best | guest : host |")
print("|---|---|---|---|---|---|---|---|")
for layout in dict.fromkeys(key[0] for key in times):
    kind, count = layout.split("-")
    for phase in ("users", "services"):
        guest, host = times[layout, "guest", phase], times[layout, "host", phase]
        middle, floor = statistics.median(guest), statistics.median(host)
        print(
            f"| {count}, {KINDS[kind]} | {phase} | {middle:.0f} ms | {min(guest):.0f} | {max(guest):.0f} "
            f"| {floor:.1f} ms | {min(host):.1f} | {middle / floor:.0f} |"
        )
print(f"{min(map(len, times.values()))} boots each")
