from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.code.data_loading import data_loading

WARNED = "This DataLoader will create 16 worker processes in total. Our suggested max number of worker in current system is 2"


def test_fires_on_more_loaders_than_processors() -> None:
    [finding] = judge(data_loading, Messages(messages=recognise(WARNED))).findings
    assert finding.title.startswith("This DataLoader will create 16 worker processes")
    assert (finding.severity, finding.confidence) == ("warning", "possible")


def test_silent_without_a_word_of_it() -> None:
    assert judge(data_loading, Messages()).findings == ()
