"""Measures attention in PyTorch, as a child of `bench-suite attention --peers`.

Requests come on standard input and replies go to standard output, a JSON object to a line:

    {"op": "hello", "device": "cuda:0", ..}           which versions are there
    {"op": "setup", "batch": 896, ..}                 the case that the next requests are about
    {"op": "prepare", "impl": "flex"}                 compile and run once
    {"op": "time", "impl": "flex", "calls": 16}       -> {"ms": ..}, a mean over one window
    {"op": "results", "impl": "flex", "groups": [[0, 0]], "file": ..}

A reply with "error" says why there is none; with "fatal" besides, the process can do no more.
Times are taken as `autotune/src/timing.rs` takes them: device events around a window of calls on
rotating tensors, the second-level cache overwritten in front of it until every call is queued.
"""

import ctypes
import gc
import json
import math
import os
import platform
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TextIO

try:
    import torch
    import torch._dynamo
    from torch import Tensor

    import implementations
    from inputs import Case, Inputs, Learned, learned, make
except ImportError as problem:
    MISSING: ImportError | None = problem
else:
    MISSING = None


class Bench:
    """One device, and the case that is measured on it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.device = torch.device(request["device"])
        self.gpu = self.device.type == "cuda"
        self.eviction_ns: float = request["eviction_ns"]
        self.most_evictions: int = request["most_evictions"]
        if self.gpu:
            torch.cuda.set_device(self.device)
            size = request["eviction_bytes"] // 4
            self.eviction = torch.empty(size, dtype=torch.float32, device=self.device)
        self.forget()

    def forget(self) -> None:
        """Frees what the last case took, compiled functions included."""
        self.case: Case | None = None
        self.sets: list[Inputs] = []
        self.learned: Learned = {}
        self.calls: dict[str, Callable[[int], Any]] = {}
        self.queueing_ns: dict[str, float] = defaultdict(float)
        torch._dynamo.reset()
        self.tidy()

    def tidy(self) -> None:
        """Gives memory back to the device: another process measures on it too."""
        gc.collect()
        if self.gpu:
            torch.cuda.empty_cache()

    def versions(self) -> dict[str, Any]:
        """Whose times these are."""
        lacks = implementations.triton_attention is None
        return {
            "device": torch.cuda.get_device_name(self.device) if self.gpu else "CPU",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "triton": None if lacks else implementations.triton_attention.VERSION,
        }

    def setup(self, request: dict[str, Any]) -> None:
        """Makes the tensors of a case."""
        self.forget()
        self.case = Case.of(request)
        self.sets = [make(self.case, nth, self.device) for nth in range(self.case.sets)]
        self.learned = learned(self.case, self.device)

    def prepare(self, name: str) -> None:
        """Compiles, and for a backward pass records the graphs that it walks."""
        assert self.case is not None, "setup comes first"
        build = implementations.IMPLEMENTATIONS[name]
        attention = build(self.case, self.device, self.learned)
        sets = self.sets
        outputs: list[Tensor] = []

        def forward(nth: int) -> Tensor:
            x = sets[nth % len(sets)]
            # Without a graph, as in inference: no peer has to write more than its output.
            with torch.no_grad():
                return attention(x.q, x.k, x.v)

        def backward(nth: int) -> tuple[Tensor, ...]:
            x, out = sets[nth % len(sets)], outputs[nth % len(sets)]
            leaves = (x.q, x.k, x.v, *self.learned.values())
            return torch.autograd.grad(out, leaves, x.d_out, retain_graph=True)

        def first() -> None:
            if call is backward:
                outputs.extend(attention(x.q, x.k, x.v) for x in sets)
            call(0)
            self.wait()

        call = forward if self.case.direction == "forward" else backward
        implementations.run_first(name, first)
        self.calls[name] = call

    def wait(self) -> None:
        if self.gpu:
            torch.cuda.synchronize(self.device)

    def window(self, name: str, calls: int) -> float:
        """Milliseconds of one call, as a mean over a window."""
        call = self.calls[name]
        gc.disable()
        try:
            if self.gpu:
                return self.device_window(name, call, calls)
            start = time.perf_counter()
            kept = [call(nth) for nth in range(calls)]
            return (time.perf_counter() - start) * 1e3 / len(kept)
        finally:
            gc.enable()

    def device_window(self, name: str, call: Callable[[int], Any], calls: int) -> float:
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        queueing = 1.5 * self.queueing_ns[name] * calls
        evictions = math.ceil(queueing / self.eviction_ns)
        for _ in range(min(max(evictions, 1), self.most_evictions)):
            self.eviction.fill_(1.0)
        start.record()
        began = time.perf_counter()
        # Results that were dropped would hand their memory, still in the cache, to the next call.
        kept = [call(nth) for nth in range(calls)]
        queued = (time.perf_counter() - began) * 1e9 / calls
        end.record()
        end.synchronize()
        del kept
        # The longest of late: a hiccup is forgotten after a while.
        self.queueing_ns[name] = max(queued, 0.8 * self.queueing_ns[name])
        return start.elapsed_time(end) / calls

    def results(self, name: str, groups: list[list[int]], path: str) -> None:
        """Writes output or gradients of some groups as `f32`, tensor by tensor."""
        values = self.calls[name](0)
        # A learned table's gradient is of all groups.
        tensors = values[:3] if isinstance(values, tuple) else (values,)
        with open(path, "wb") as file:
            for tensor in tensors:
                for batch, head in groups:
                    rows = tensor[batch, head].detach().to(torch.float32).cpu().contiguous()
                    # PyTorch may be installed without NumPy.
                    file.write(ctypes.string_at(rows.data_ptr(), 4 * rows.numel()))

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request."""
        match request["op"]:
            case "setup":
                self.setup(request)
            case "prepare":
                self.prepare(request["impl"])
            case "time":
                return {"ms": self.window(request["impl"], request["calls"])}
            case "results":
                self.results(request["impl"], request["groups"], request["file"])
            case other:
                return {"error": f"no operation is called {other}"}
        return {}

    def is_broken(self) -> bool:
        """Whether an error has taken the device's context with it."""
        try:
            self.wait()
        except RuntimeError:
            return True
        return False


def short(error: Exception) -> str:
    """The first line that says something, not too much of it."""
    if MISSING is None and isinstance(error, torch.OutOfMemoryError):
        return "out of memory"
    # What `torch.compile` saw raised while it read a function stands at the end of its report.
    seen = re.search(r"raised exception \w+\(\[ConstantVariable\(\w+: (['\"])(.+?)\1\)", str(error))
    text = str(error) if seen is None else seen.group(2)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # A compiler puts the names of errors in front of the reason.
    text = lines[0] if lines else type(error).__name__
    while (colon := re.match(r"\w*(Error|Exception): ", text)) is not None:
        text = text[colon.end() :]
    return text if len(text) <= 160 else text[:157] + "..."


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answers until standard input ends."""
    bench: Bench | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if MISSING is not None:
                reply = {"error": short(MISSING), "fatal": True}
            elif request["op"] == "hello":
                bench = Bench(request)
                reply = bench.versions()
            else:
                assert bench is not None, "hello comes first"
                reply = bench.answer(request)
        except Exception as error:  # Whatever a peer throws is its answer.
            reply = {"error": short(error), "fatal": bench is None or bench.is_broken()}
        # Not within `except`, where the error still holds the tensors of its frames.
        if bench is not None and reply.get("fatal") is False:
            bench.tidy()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    # Compilers print what they like; the protocol keeps standard output for itself.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
