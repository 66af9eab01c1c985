"""Watches every operator of a piece of work as torch dispatches it, and tells which left the device.

One dispatch is the truth about one operator: its inputs' and outputs' devices, whatever the Python above it believes.
"""

MOVES = ("_to_copy", "copy_", "_local_scalar_dense")
"""Operators that carry data from one device to another; what ``.item()`` and ``.cpu()`` come down to."""


def tensors(value):
    """Every tensor in nested lists, tuples and dicts."""
    if hasattr(value, "device") and hasattr(value, "numel"):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in tensors(part)]
    return []


class Seen:
    """What was seen of the operators, on and off the device of type `kind`."""

    def __init__(self, kind):
        self.kind = kind
        self.ops = self.on_device = self.elsewhere = self.to_host = self.from_host = 0
        self.first_elsewhere = self.first_to_host = None

    def note(self, name, inputs, outputs):
        """One operator with its tensors. Single numbers on the processor are as torch means them (a learning rate, a counter)."""
        self.ops += 1
        before = [tensor.device.type for tensor in inputs if tensor.numel() > 1 or tensor.device.type == self.kind]
        after = [tensor.device.type for tensor in outputs]
        operator = name.split(".")[1] if "." in name else name
        if operator in MOVES:
            self._note_move(name, operator, before, after)
        elif self.kind in before or self.kind in after:
            self.on_device += 1
        elif before and after:
            self.elsewhere += 1
            self.first_elsewhere = self.first_elsewhere or name

    def _note_move(self, name, operator, before, after):
        source, target = before[:1], after
        if operator == "copy_":  # copy_(target, source)
            source, target = before[1:2], before[:1]
        if operator == "_local_scalar_dense":  # its result is a Python number
            target = ["cpu"]
        if source == [self.kind] and target and target[0] != self.kind:
            self.to_host += 1
            self.first_to_host = self.first_to_host or name
        elif source and source[0] != self.kind and target == [self.kind]:
            self.from_host += 1


def watch(torch, device, work):
    """Run `work` and return what was `Seen`, as a dict: ``ops``, ``on_device``, ``elsewhere`` (operators computed off the device),
    ``first_elsewhere`` (its name), ``to_host`` and ``from_host`` (copies), ``first_to_host``.

    Raises what `work` raises, and ImportError where this torch cannot watch its dispatcher.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = Seen(torch.device(device).type)

    class Watcher(TorchDispatchMode):
        pass

    def dispatch(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        seen.note(str(func), tensors((args, kwargs or {})), tensors(found))
        return found

    # Given to a class that is there already: torch 2.x wraps what it finds when the class is made, and for that loads its whole compiler,
    # which takes as long as importing torch.
    Watcher.__torch_dispatch__ = dispatch
    with Watcher():
        work()
    return dict(vars(seen))
