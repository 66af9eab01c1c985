"""What holds the processors back: cgroup files, affinity, as they are printed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Resources
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

PERIODS = re.compile(r"\bnr_periods[:= ]+(?P<value>\d+)")
THROTTLED = re.compile(r"\bnr_throttled[:= ]+(?P<value>\d+)")
QUOTA = re.compile(r"\bcpu\.max\b\s*[:=]?\s*(?P<quota>\d+)\s+(?P<period>\d+)")
WORDS = re.compile(r"nr_(?:periods|throttled)|cpu\.max|--cpus|CPU\(s\)|affinity|/dev/shm|ShmSize")
"""One of them stands in every line that is read here."""
DOCKER = re.compile(r"--cpus[= ](?P<value>\d+(?:\.\d+)?)")
CPUS = re.compile(r"^\s*CPU\(s\):\s+(?P<value>\d+)\s*$")
AFFINITY = re.compile(r"cpu_affinity\(\)|sched_getaffinity\(")
SET = re.compile(r"\bsched_setaffinity\(\d+, \d+, \[(?P<list>\d+(?:[ ,]+\d+)*)\]\)\s*= 0")
"""As strace shows it."""
LIST = re.compile(r"^\s*[\[{](?P<list>\d+(?:\s*,\s*\d+)*)[\]}]\s*$")
SHM = re.compile(r"^(?:shm|tmpfs)\s+(?P<size>\d+(?:\.\d+)?)(?P<unit>[KMG])\s+.*/dev/shm\s*$")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def read_limits(lines: Sequence[Line], notes: Notebook) -> None:
    """Note quota, throttling, affinity and the size of /dev/shm."""
    asked = 0
    for number, text in lines:
        if not asked and WORDS.search(text) is None:
            continue
        for pattern, field in ((PERIODS, "periods"), (THROTTLED, "throttled_periods"), (CPUS, "logical_cpus")):
            found = pattern.search(text)
            if found is not None:
                notes.note(Resources, field, int(found["value"]), number)
        quota, docker, shm = QUOTA.search(text), DOCKER.search(text), SHM.match(text)
        if quota is not None and int(quota["period"]):
            notes.note(Resources, "cpu_quota", int(quota["quota"]) / int(quota["period"]), number)
        if docker is not None:
            notes.note(Resources, "cpu_quota", float(docker["value"]), number)
        if shm is not None:
            notes.note(Resources, "shm_total_bytes", int(float(shm["size"]) * UNITS[shm["unit"]]), number)
        size = re.search(r'"ShmSize":\s*(\d{1,15})\b', text)
        if size is not None:
            notes.note(Resources, "shm_total_bytes", int(size[1]), number)
        answer = LIST.match(text)
        if asked and answer is not None:
            count = len(answer["list"].split(","))
            if asked > 1:  # asked again later: what it was at first is what the machine has
                notes.note(Resources, "logical_cpus", count, number, keep=True)
            notes.note(Resources, "affinity_cpus", count, number)
        given = SET.search(text)
        if given is not None:
            notes.note(Resources, "affinity_cpus", len(given["list"].replace(",", " ").split()), number)
        asked = len(AFFINITY.findall(text)) or max(0, asked - 1)
