"""Takes out of a snapshot what tells of its owner and nothing of the fault: names, addresses, serials, tokens. The same thing is replaced by the
same stand-in throughout, so that two lines about one GPU still tell that it is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from envdoctor.facts import Fact, Redaction, Snapshot, Source


class Owner(NamedTuple):
    """What the live machine knows of itself. An empty field is not known."""

    user: str = ""
    host: str = ""
    home: str = ""


KEPT = frozenset({"git"})
"""Fields whose long hexadecimal numbers are public: torch's own commit."""
VERSIONS = frozenset({"version", "installed", "specifier"})
"""Fields that hold versions, of which those of four parts read like addresses."""
NO_NAMES = frozenset({"root", "user", "runner", "ubuntu", "nobody", "www-data"})
"""User names that everybody has."""
# fmt: off
ORDINARY = frozenset((
    "bin", "cache", "conda", "cuda", "data", "dev", "driver", "drivers", "etc", "home", "include", "lib", "lib32", "lib64", "local",
    "log", "nvidia", "opt", "proc", "python", "run", "sbin", "share", "src", "stubs", "sys", "targets", "tmp", "torch", "triton", "usr", "var", "venv",
))
# fmt: on
"""Parts of paths that a machine has whatever its owner is called: a user of that name is taken out of home directories only."""
_SECRET = "[removed]"
_VERSION_BEFORE = r"(?<![\w.=+-])(?<!version )(?<!Version )(?<!release )"


def _rule(kind: str, pattern: str, flags: int = 0) -> tuple[str, re.Pattern[str]]:
    return kind, re.compile(pattern, flags)


RULES = (
    _rule("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    _rule("credentials in a URL", r"(?<=://)[^/\s:@]+(?::[^/\s@]*)?(?=@)"),
    _rule(
        "token",
        r"\b(?:hf_|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|xox[abprs]-|sk-(?:ant-|proj-)?|pk_live_|sk_live_|nvapi-|pypi-|npm_|dop_v1_|AIza|ya29\.|wandb_)[\w.-]{8,}",
    ),
    _rule("token", r"\b(?:AKIA|ASIA|AROA)[A-Z0-9]{12,}\b"),
    _rule("token", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
    _rule("token", r"(?<=[Bb]earer )[\w.~+/-]{8,}=*|(?<=[Bb]asic )[A-Za-z0-9+/]{8,}=*"),
    _rule(
        "secret",
        r"(?P<kept>(?:password|passwd|pwd|passphrase|secret|token|(?:api|access|secret|account|private)[_-]?key|signature|\bsig)[\"']?"
        r"(?:\s?[:=]\s?|(?<=password)\s+|(?<=passwd)\s+|(?<=-token)\s+|(?<=-key)\s+)[\"']?)(?!\[removed\]|\s)[^\s&\"',;]+",
        re.IGNORECASE,
    ),
    _rule(
        "login",
        r"(?P<kept>\b(?:machine\s+\S+(?:\s+password\s+\S+)?|default)\s+login\s+|^[ \t]*login[ \t]+|\blogin\s+(?=\S+\s+(?:password|account)\b))"
        r"(?!\[removed\]|(?:shell|node|name|failed|successful)\b)\S+",
        re.MULTILINE,
    ),
    _rule("e-mail address", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    _rule("long number", r"\b(?:[0-9a-f]{40,}|[0-9A-F]{40,}|[0-9a-f]{32})\b"),
    _rule(
        "long key",
        r"(?<![\w/.+-])(?=[A-Za-z0-9+/]*[0-9])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{36,}={0,2}(?![\w/.-])",
    ),
)
"""What is removed without a stand-in."""
NUMBERED: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "uuid",
        re.compile(r"\b(?P<kind>GPU|MIG)-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
        "{kind}-00000000-0000-0000-0000-{n:012d}",
    ),
    (
        "uuid",
        re.compile(
            r"\b[0-9a-fA-F]{8}-(?!0000-0000-0000)[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
        ),
        "00000000-0000-0000-0000-{n:012d}",
    ),
    ("hardware address", re.compile(r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b"), "02:00:00:00:00:{n:02x}"),
    (
        "serial number",
        re.compile(r"(?i)(?<=serial)(?:[ _-]?(?:number|no\.?))?\s*[:=#]\s*(?P<tail>[A-Z0-9-]{6,})"),
        ": serial{n}",
    ),
    (
        "address",
        re.compile(
            r"(?<![\w.])(?:(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}|(?:[0-9a-fA-F]{1,4}:){1,6}:(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?)(?![\w:.])"
        ),
        "2001:db8::{n:x}",
    ),
    (
        "address",
        re.compile(
            _VERSION_BEFORE
            + r"(?!0\.0\.0\.0|127\.0\.0\.1)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.+-]|\.\d)"
        ),
        "192.0.2.{n}",
    ),
    ("host name", re.compile(r"\b(?:ip-\d+-\d+-\d+-\d+|[\w-]+\.(?:internal|local|lan|corp|intra))\b"), "host{n}"),
)
"""What is replaced by a numbered stand-in, from ranges that are reserved for examples."""
OF_PACKAGE = re.compile(r"(?:nvidia|cu1\d|cuda|cudnn|torch|lib|version)[\w.-]*[\s\"':=]+$", re.IGNORECASE)
HOME = re.compile(
    r"(?P<root>/home/|/Users/|/root/\.\./home/|[A-Z]:\\Users\\|/mnt/[a-z]/Users/)(?P<user>[^/\\\s:;,\"'<>]+)"
)
AT_HOST = re.compile(r"\b(?P<user>[a-z_][\w-]{0,31})@(?P<host>[a-zA-Z0-9][\w-]{1,62})(?=[:~\s$#]|$)")


class Redactor:
    """One redaction: remembers what stands for what, and counts."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.stand_ins: dict[tuple[str, str], int] = {}
        self.removed: Counter[str] = Counter()

    def number(self, kind: str, original: str) -> int:
        """The number of a thing among those of its kind, from 1."""
        key = (kind, original.lower())
        if key not in self.stand_ins:
            self.stand_ins[key] = 1 + sum(known == kind for known, _ in self.stand_ins)
        self.removed[kind] += 1
        return self.stand_ins[key]

    def text(self, text: str, field: str = "") -> str:
        """A string with everything private replaced."""
        if len(text) < 3:
            return text
        for kind, pattern in RULES:
            if field not in KEPT:
                text = pattern.sub(self._remove(kind), text)
        if self.owner.home not in ("", "/", "/root") and self.owner.home in text:
            parent = self.owner.home.rpartition("/")[0]
            stand_in = f"{parent}/{self.name(self.owner.home.rpartition('/')[2])}"
            text = re.sub(re.escape(self.owner.home) + r"(?=/|$|[:\s\"'])", lambda _: stand_in, text)
        if len(self.owner.user) > 2 and self.owner.user not in ORDINARY | NO_NAMES:
            own = rf"(?<=[/\\(]){re.escape(self.owner.user)}(?=[/\\):\s\"']|$)"
            text = re.sub(own, lambda _: self.name(self.owner.user), text)
        text = HOME.sub(lambda found: found["root"] + self.name(found["user"]), text)
        text = AT_HOST.sub(lambda found: f"{self.name(found['user'])}@{self._host(found['host'])}", text)
        if field in VERSIONS or field.endswith("_version"):
            return text
        for kind, pattern, form in NUMBERED:
            text = pattern.sub(self._replace(kind, form), text)
        if len(self.owner.host) > 3 and self.owner.host in text:
            text = re.sub(
                rf"(?<![\w./-]){re.escape(self.owner.host)}(?![\w/-])", lambda _: self._host(self.owner.host), text
            )
        return text

    def _remove(self, kind: str) -> Callable[[re.Match[str]], str]:
        def act(found: re.Match[str]) -> str:
            self.removed[kind] += 1
            return found.groupdict().get("kept", "") + _SECRET

        return act

    def _replace(self, kind: str, form: str) -> Callable[[re.Match[str]], str]:
        def act(found: re.Match[str]) -> str:
            if kind == "address" and OF_PACKAGE.search(found.string, max(0, found.start() - 60), found.start()):
                return found[0]  # a version of four parts reads like an address
            groups = found.groupdict()
            return form.format(n=self.number(kind, groups.get("tail") or found[0]), **groups)

        return act

    def name(self, user: str) -> str:
        """The stand-in of a user's name; names that everybody has stay."""
        if user in NO_NAMES or re.fullmatch(r"user\d+", user):
            return user
        return f"user{self.number('user name', user)}"

    def _host(self, host: str) -> str:
        return host if re.fullmatch(r"host\d*|localhost", host) else f"host{self.number('host name', host)}"

    def value(self, value: Any, field: str = "") -> Any:
        """A JSON value with every string in it redacted, keys of maps too."""
        if isinstance(value, str):
            return self.text(value, field)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item, key) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, field) for item in value]
        return value


def redact(snapshot: Snapshot, owner: Owner) -> Snapshot:
    """The snapshot without what is private, and a fact that says what was taken out."""
    redactor = Redactor(owner)
    facts: dict[str, Fact] = {}
    for name, fact in snapshot.facts.items():
        plain = redactor.value(msgspec.to_builtins(fact))
        if name == "system" and plain.get("user"):
            plain["user"] = redactor.name(plain["user"])
        facts[name] = msgspec.convert(plain, type(fact), str_keys=True)
    facts[Redaction.fact_name()] = Redaction(removed=dict(sorted(redactor.removed.items())))
    problems = {
        name: msgspec.convert(redactor.value(msgspec.to_builtins(p)), type(p)) for name, p in snapshot.problems.items()
    }
    probes = tuple(msgspec.convert(redactor.value(msgspec.to_builtins(p)), type(p)) for p in snapshot.probes)
    source = msgspec.convert(redactor.value(msgspec.to_builtins(snapshot.source)), Source)
    return Snapshot(created=snapshot.created, source=source, facts=facts, problems=problems, probes=probes)
