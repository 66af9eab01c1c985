"""What holds the processors back: cgroup files, affinity, as they are printed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Resources
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

PERIODS = re.compile(r"\bnr_periods[:= ]+(?P<value>\d{1,15})")
THROTTLED = re.compile(r"\bnr_throttled[:= ]+(?P<value>\d{1,15})")
QUOTA = re.compile(r"\bcpu\.max\b\s*[:=]?\s*(?P<quota>\d{1,15})\s+(?P<period>\d{1,15})")
WORDS = re.compile(
    r"nr_(?:periods|throttled)|cpu\.max|cfs_quota|--cpus|CPU\(s\)|affinity|/dev/shm|ShmSize|NanoCpus|CpuQuota|Cpus_allowed_list|nproc|SHMEM|cpu_count|taskset|numactl"
)
"""One of them stands in every line that is read here."""
FOLLOWS = re.compile(r"(?:cpu\.max|cpu\.cfs_quota_us|\bnproc(?: --all)?|\.ShmSize\}\}'?(?: \S+)?)\s*$")
"""Its answer is the next line."""
ANSWER = re.compile(r"^\s*(?P<first>\d{1,15})(?:\s+(?P<second>\d{4,7}))?\s*$")
NANO = re.compile(r"\"NanoCpus\":\s*(?P<value>[1-9]\d{6,12})\b")
ENGINE = re.compile(r"\"CpuQuota\":\s*(?P<value>[1-9]\d{2,9})\b")
CFS_PERIOD = 100_000
"""Microseconds, where nothing else is said (the kernel's documentation, "CFS bandwidth control")."""
ALLOWED = re.compile(r"(?:current affinity list|Cpus_allowed_list):\s*(?P<list>\d{1,6}(?:[-,]\d{1,6})*)\s*$")
INLINE = (
    (re.compile(r"os\.cpu_count\(\)\s*(?:->|=+|:|is)\s*(?P<value>\d{1,4})\b"), "logical_cpus"),
    (re.compile(r"len\(os\.sched_getaffinity\(0\)\)\s*(?:->|=+|:|is)\s*(?P<value>\d{1,4})\b"), "affinity_cpus"),
)
BOUND = re.compile(
    r"\b(?:taskset (?:-c|--cpu-list)|numactl [^\n]{0,60}?(?:--physcpubind|-C))[ =](?P<list>\d{1,6}(?:[-,]\d{1,6})*)\s+[\w./]"
)
"""A program that is started on some processors."""
MASK = re.compile(r"current affinity mask:\s*(?P<mask>[0-9a-f]{1,64})\s*$")
DOCKER = re.compile(r"--cpus[= ](?P<value>\d{1,6}(?:\.\d{1,9})?)")
CPUS = re.compile(r"^\s*CPU\(s\):\s+(?P<value>\d{1,15})\s*$")
AFFINITY = re.compile(r"cpu_affinity\(\)|sched_getaffinity\(")
SET = re.compile(r"\bsched_setaffinity\(\d+, \d+, \[(?P<list>\d+(?:[ ,]+\d+)*)\]\)\s*= 0")
"""As strace shows it."""
LIST = re.compile(r"^\s*[\[{](?P<list>\d+(?:\s*,\s*\d+)*)[\]}]\s*$")
SHM = re.compile(r"^(?:shm|tmpfs)\s+(?P<size>\d{1,6}(?:\.\d{1,9})?)(?P<unit>[KMG])\s+.*/dev/shm\s*$")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def read_limits(lines: Sequence[Line], notes: Notebook) -> None:
    """Note quota, throttling, affinity and the size of /dev/shm."""
    asked = 0
    follows = ""
    for number, text in lines:
        if follows:
            _answer(follows, text, number, notes)
            follows = ""
        if not asked and WORDS.search(text) is None:
            continue
        follows = text if FOLLOWS.search(text) is not None else ""
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
        if "SHMEM allocation limit is set to the default of 64MB" in text:  # NGC's images say so as they start
            notes.note(Resources, "shm_total_bytes", 64 << 20, number, keep=True)
        _given(text, number, notes)
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


def _answer(asked: str, text: str, number: int, notes: Notebook) -> None:
    """A number on a line of its own: what the command before it was asked for."""
    said = ANSWER.match(text)
    if said is None:
        return
    first = int(said["first"])
    if "ShmSize" in asked:
        notes.note(Resources, "shm_total_bytes", first, number)
    elif "--all" in asked:
        notes.note(Resources, "logical_cpus", first, number)
    elif "nproc" in asked and notes.get(Resources, "logical_cpus") is not None:  # else it may be all that there are
        notes.note(Resources, "affinity_cpus", first, number)
    elif "cfs_quota" in asked or said["second"]:
        notes.note(Resources, "cpu_quota", first / (int(said["second"] or 0) or CFS_PERIOD), number)


def _given(text: str, number: int, notes: Notebook) -> None:
    """What the engine gives a container, and the kernel a process."""
    for pattern, unit in ((NANO, 1e9), (ENGINE, CFS_PERIOD)):
        found = pattern.search(text)
        if found is not None:
            notes.note(Resources, "cpu_quota", int(found["value"]) / unit, number)
    for pattern, field in INLINE:
        told = pattern.search(text)
        if told is not None:
            notes.note(Resources, field, int(told["value"]), number)
    allowed, mask = ALLOWED.search(text) or BOUND.search(text), MASK.search(text)
    if allowed is not None:
        spans = [span.partition("-") for span in allowed["list"].split(",")]
        count = sum(int(end or first) - int(first) + 1 for first, _, end in spans)
        notes.note(Resources, "affinity_cpus", count, number)
    if mask is not None:
        notes.note(Resources, "affinity_cpus", int(mask["mask"], 16).bit_count(), number)
