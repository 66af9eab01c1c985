"""What people type and what came back: Python prompts, environment variables, docker commands, device listings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from envdoctor.facts import (
    DeviceNode,
    DeviceNodes,
    Environment,
    Interpreter,
    Nvml,
    NvmlGpu,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge.variables import matters
from envdoctor.read.dump_values import note_torch
from envdoctor.read.lines import PROMPT, Line
from envdoctor.read.notebook import Notebook

AVAILABLE = re.compile(r"torch\.cuda\.is_available\(\)")
COUNT = re.compile(r"torch\.cuda\.device_count\(\)")
VERSION = re.compile(r"torch\.__version__|torch\.version\.__version__")
CUDA = re.compile(r"torch\.version\.cuda\b")
ARCHS = re.compile(r"torch\.cuda\.get_arch_list\(\)")
CAPABILITY = re.compile(r"torch\.cuda\.get_device_capability\(")
CUDNN_ON = re.compile(r"torch\.backends\.cudnn\.enabled\b(?!\s*=)")
CUDNN = re.compile(r"torch\.backends\.cudnn\.is_available\(\)")
QUESTIONS = (
    *((CUDNN_ON, "cudnn_enabled"), (CUDNN, "cudnn_available")),
    *((AVAILABLE, "available"), (COUNT, "count"), (VERSION, "version")),
    *((CUDA, "cuda"), (ARCHS, "archs"), (CAPABILITY, "capability")),
)
BARE = re.compile(r"^>>> torch\.version\.cuda\s*$")
SILENT = "cuda, at a prompt"
SAID = re.compile(
    r"^\s*(?:Out\[\d+\]:\s*|->\s*|#\s*|>>>\s*|returns?:?\s+)?['\"(]?(?P<value>[Tt]rue|[Ff]alse|None|\d{1,2}|\d{1,2}\.\d|\d+\.\d+\.\d+[\w.+-]*)['\")]?\s*$"
)
LISTED_ARCHS = re.compile(
    r"^\s*(?:Out\[\d+\]:\s*)?\[(?P<archs>'(?:sm|compute)_\d+\w?'(?:, '(?:sm|compute)_\d+\w?')*)\]\s*$"
)
PAIR = re.compile(r"^\s*(?:Out\[\d+\]:\s*)?\((?P<major>\d{1,2}), (?P<minor>\d)\)\s*$")
INLINE = re.compile(
    r"torch\.cuda\.is_available\(\)`?\s*(?:\)|is|returns?|:|=|->|=>|→|gives|#){0,3}\s*[`'\"]?(?P<value>True|False)\b",
    re.IGNORECASE,
)
NO_DEVICE = re.compile(r"(?i)\b(?:gpu|device|cuda)[ _]count\(?\)?\W{1,4}0(?:\D|$)")
"""``gpu_count 0``; ``torch.cuda.device_count(): 0``."""
INLINE_CUDNN = re.compile(
    r"torch\.backends\.cudnn\.(?P<what>enabled|is_available\(\))`?\)?\s*(?:is|returns?|:|->|=>|→|gives|prints|#){0,2}\s*[`'\"]?(?P<value>True|False)\b"
)
INLINE_VERSION = re.compile(r"torch\.__version__\)?\s*(?:is|:|=|==|->|→)?\s*[`'\"]?(?P<value>\d+\.\d+\.\d+[\w.+-]*)")
INLINE_CUDA = re.compile(
    r"torch\.version\.cuda\)?`?\s*(?::|=(?!=)|->|→|\s)\s*[`'\"]?(?P<value>None|\d{1,2}\.\d)[`'\")]?\s*$"
)
ASSIGNED = (
    re.compile(
        r"^\s*(?:[$#%]\s*)?(?:sudo\s+)?(?:export\s+|set\s+|setenv\s+|ENV\s+|-\s+|%env\s+)?(?P<name>[A-Z][A-Z0-9_]{3,50})\s*=\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\s;&|]*)"
    ),
    re.compile(
        r"os\.environ\[['\"](?P<name>[A-Z][A-Z0-9_]{3,50})['\"]\]\)?\s*(?:[:=]|->)\s*(?P<value>\"[^\"]*\"|'[^']*'|[\w,.-]+)"
    ),
    re.compile(
        r"^\s*(?:-\s+)?(?P<name>CUDA_VISIBLE_DEVICES):\s+(?P<value>\"[\w,.-]*\"|'[\w,.-]*'|all|-?\d[\d,]*)\s*$"
    ),  # YAML
    re.compile(
        r"(?:\bexport\s+|>\s?set\s+|\bENV\s+)(?P<name>[A-Z][A-Z0-9_]{3,50})=(?P<value>\"[^\"]*\"|'[^']*'|[^\s;&|`]+)(?![`(])"
    ),  # behind a prompt or words
    re.compile(r"\benv: (?P<name>CUDA_VISIBLE_DEVICES)=(?P<value>\"[^\"]*\")"),  # TensorFlow's diagnostics
    re.compile(
        r"\bmap\[.{0,2000}?\b(?P<name>CUDA_VISIBLE_DEVICES):(?P<value>[\w,.-]+)"
    ),  # ollama's, empty where it is not set
    re.compile(r"^\s*Environment=\"?(?P<name>[A-Z][A-Z0-9_]{3,50})=(?P<value>[^\s\"]*)"),  # systemd
    re.compile(
        r"^\s*(?:-\s+)?(?:invalid |bad )?(?P<name>CUDA_LAUNCH_BLOCKING|PYTORCH_(?:CUDA_)?ALLOC_CONF):\s+(?P<value>\"[^\"]*\"|'[^']*'|\S+)\s*$"
    ),  # YAML
    re.compile(r"overrode visible devices\"? (?P<name>CUDA_VISIBLE_DEVICES)=(?P<value>\S+)"),  # ollama
    re.compile(r"\s-e\s+(?P<name>[A-Z][A-Z0-9_]{3,50})=(?P<value>\"[^\"]*\"|'[^']*'|\S+)"),
)
NAMED = re.compile(r"(?:CUDA_VISIBLE_DEVICES|CUDA_LAUNCH_BLOCKING|ALLOC_CONF):")
CAPITALS = re.compile(r"[A-Z][A-Z0-9_]{3}")
LEADING = re.compile(
    r"^\s*(?:\([\w.-]+\)\s*)?(?:[^\s=]{0,80}[$#%>]\s+)?(?:sudo\s+|env\s+|time\s+)?(?P<all>(?:[A-Z][A-Z0-9_]{3,50}=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)+)(?=[\w./~])"
)
"""Variables in front of a command, behind whatever prompt."""
GETS = re.compile(
    r"^(?:.{0,8}>>>|.{0,4}In \[\d+\]:|print\().*\bos\.(?:environ\[|environ\.get\(|getenv\()['\"](?P<name>[A-Z][A-Z0-9_]{3,50})['\"][^=]{0,12}$"
)
"""Python asked for a variable."""
ECHO = re.compile(
    r"^\s*(?:\(\S+\)\s*)?(?:\[[^\]]{1,60}\][$#]|\S+[$#]|\$|#)?\s*echo\s+\"?\$\{?(?P<name>[A-Z][A-Z0-9_]{3,50})\}?\"?\s*$"
)
LISTED = re.compile(r"/dev/nvidia[\w-]*")
SOME_ASKED = re.compile(r"\bls\s[^|;\n]*/dev/nvidia(?![^|;\n]*[*?{])")
NODE = re.compile(
    r"^(?P<mode>c[rwxsStT-]{9})[.+]?\s+\d+\s+(?P<owner>\S+)\s+(?P<group>\S+)\s+\d+,\s*\d+\s.*?(?P<path>/dev/nvidia[\w/-]*)\s*$"
)


def read_console(lines: Sequence[Line], notes: Notebook) -> None:
    """Note what was set, asked and answered."""
    variables: dict[str, tuple[str, int]] = {}
    nodes: list[DeviceNode] = []
    asked: list[str] = []
    echoed: str | None = None
    for number, text in lines:
        if echoed is not None:
            if not PROMPT.match(text) and matters(echoed) and text.strip() != "None":
                variables[echoed] = (text.strip().strip("'\""), number)
            echoed = None
        asked = _answer(notes, asked, text, number)
        if len(text) < 1000 and ("=" in text or "os.environ[" in text or NAMED.search(text)):
            for name, value in _assigned(text):
                variables[name] = (value, number)
        question = ECHO.match(text) if "echo" in text else GETS.match(text) if "os." in text else None
        echoed = question["name"] if question is not None else None
        listed = LISTED.findall(text) if text.lstrip().startswith("/dev/nvidia") else []
        nodes += [DeviceNode(path=path, exists=True) for path in listed]
        if listed:
            notes.saw("ls -l /dev/nvidia*", number)
        node = NODE.match(text) if "/dev/nvidia" in text else None
        if node is not None:
            nodes.append(_node(node, works=notes.get(Nvml, "init_code") == 0))
            notes.saw("ls -l /dev/nvidia*", number)
    if variables:
        last = max(number for _, number in variables.values())
        notes.note(Environment, "variables", {name: value for name, (value, _) in variables.items()}, last)
    if nodes:
        paths = {node.path for node in nodes}
        if (
            {"/dev/nvidiactl", "/dev/nvidia0"} <= paths
            and "/dev/nvidia-uvm" not in paths
            and not _some_listed(lines)
            and not _nvml_fails(lines)
        ):
            nodes.append(DeviceNode(path="/dev/nvidia-uvm", exists=False))
        notes.note(DeviceNodes, "nodes", tuple(nodes), notes.kinds["ls -l /dev/nvidia*"])


def _nvml_fails(lines: Sequence[Line]) -> bool:
    """Whether NVML itself is kept from the nodes that are there, which has nothing to do with the one that it does without."""
    return any("NVML: Unknown Error" in line.text for line in lines)


def _some_listed(lines: Sequence[Line]) -> bool:
    """Whether `ls` was asked for single nodes, so that what it does not show may well be there."""
    return any(SOME_ASKED.search(line.text) for line in lines if "/dev/nvidia" in line.text)


def _node(found: re.Match[str], *, works: bool) -> DeviceNode:
    """A line of `ls -l`. Bits that keep others out explain a driver that does not answer; where it answers they keep nobody out."""
    path, mode = found["path"], found["mode"]
    barred = not works and mode[7:9] != "rw"
    return DeviceNode(
        path=path,
        exists=True,
        mode=mode,
        owner=found["owner"],
        group=found["group"],
        error="EACCES" if barred else None,
    )


def _answer(notes: Notebook, asked: list[str], text: str, number: int) -> list[str]:
    """Take an answer to what the lines before asked, and tell what this line asks."""
    if asked == [SILENT]:
        if text.startswith(">>>"):
            _note_cuda(notes, "None", number)  # which Python shows as nothing
        asked = ["cuda"]
    if BARE.match(text) is not None:
        notes.saw("a Python prompt", number)
        return [SILENT]
    of_torch = "torch." in text
    if "ount" in text and NO_DEVICE.search(text) is not None:
        notes.note(TorchRuntime, "device_count", 0, number)
    inline = INLINE.search(text) if of_torch else None
    if inline is not None:
        notes.note(TorchRuntime, "cuda_available", inline["value"].lower() == "true", number)
        return []
    inline = INLINE_CUDNN.search(text) if of_torch else None
    if inline is not None:
        what = "cudnn_enabled" if inline["what"] == "enabled" else "cudnn_available"
        notes.note(TorchRuntime, what, inline["value"] == "True", number)
        return []
    words = text.split() if len(asked) > 1 else []
    if words and len(words) == len(asked) and all(SAID.match(word) for word in words):
        for word in words:
            asked = _answer(notes, asked, word, number)
        return []
    archs = LISTED_ARCHS.match(text) if asked[:1] == ["archs"] else None
    pair = PAIR.match(text) if asked[:1] == ["capability"] else None
    if archs is not None:
        notes.note(TorchRuntime, "arch_list", tuple(re.findall(r"\w+_\d+\w?", archs["archs"])), number)
        return asked[1:]
    if pair is not None:
        if notes.get(Nvml, "gpus") is None:
            gpu = NvmlGpu(index=0, compute_capability=f"{pair['major']}.{pair['minor']}")
            notes.note(Nvml, "gpus", (gpu,), number)
        return asked[1:]
    said = SAID.match(text) if asked else None
    if said is not None:
        what, *rest = asked
        value = said["value"] if "." in said["value"] else said["value"].capitalize()
        if what == "cuda" and (value == "None" or value.count(".") == 1):
            _note_cuda(notes, value, number)
        if what == "available" and value in ("True", "False"):
            notes.note(TorchRuntime, "cuda_available", value == "True", number)
        elif what.startswith("cudnn_") and value in ("True", "False"):
            notes.note(TorchRuntime, what, value == "True", number)
        elif what == "count" and value.isdigit():
            notes.note(TorchRuntime, "device_count", int(value), number)
        elif what == "version" and "." in value:
            note_torch(notes, value, number)
        return rest
    version = INLINE_VERSION.search(text) if of_torch else None
    if version is not None:
        note_torch(notes, version["value"], number)
    cuda = INLINE_CUDA.search(text) if of_torch else None
    if cuda is not None:
        _note_cuda(notes, cuda["value"], number)
        return []
    patterns = QUESTIONS if of_torch else ()
    questions = [(match.start(), what) for pattern, what in patterns for match in pattern.finditer(text)]
    if questions:
        notes.saw("a Python prompt", number)
        return [what for _, what in sorted(questions)]
    python = re.match(r"^\s*Python (\d\.\d+\.\d+)\b", text)
    if python is not None:
        notes.note(Interpreter, "version", python[1], number)
    return asked if asked and PROMPT.match(text) is None else []


def _note_cuda(notes: Notebook, value: str, number: int) -> None:
    notes.note(TorchInstall, "cuda", "" if value == "None" else value, number)
    notes.note(TorchInstall, "hip", "", number, keep=True)


def _assigned(text: str) -> Iterator[tuple[str, str]]:
    """The variables that a line sets, those that matter only."""
    if CAPITALS.search(text) is None:
        return
    leading = LEADING.match(text)
    texts = [*leading["all"].split(), text] if leading is not None else [text]
    for pattern, one in itertools.product(ASSIGNED, texts):
        for found in pattern.finditer(one):
            value = found["value"].strip("\"'")
            if (
                value != "None"
                and matters(found["name"])
                and not value.startswith(("`", "$(", "${"))
                and not value.endswith("`")
            ):
                yield found["name"], value  # what a command or another variable puts there is not known
