"""What the import of torch said, as far as the table of messages knows it."""

from __future__ import annotations

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import Messages, TorchRuntime


@collector(quick=False, when="not with --pid")
def messages(host: Host, torch_runtime: TorchRuntime) -> Messages:
    """The errors of its stages, its warnings and its stderr, looked up in the same table that pasted reports are read with."""
    from envdoctor.knowledge.messages import recognise

    errors = (stage.error for stage in torch_runtime.stages if stage.error)
    text = "\n".join((*errors, *torch_runtime.warnings, torch_runtime.stderr or ""))
    source = "what import torch said"
    return Messages(messages=recognise(text), sources={"messages": source})
