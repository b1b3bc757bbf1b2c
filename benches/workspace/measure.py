"""Times whole processes, in turns, and prints tables: medians of time, and the most memory that any run took."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import shapes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# A run that takes longer has gone astray, and ends the whole.
CPU_MAX_SECONDS = 120


def generate(script: str, *arguments: object) -> None:
    """In a process of its own: the system counts a parent's memory as that of the processes it starts."""
    subprocess.run([sys.executable, HERE / script, *map(str, arguments)], check=True)


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_MAX_SECONDS, CPU_MAX_SECONDS))


class Runs:
    """Times and memory of one command."""

    def __init__(self, command: list[str], code: int = 0):
        self.command = command
        self.code = code
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.megabytes = 0.0

    def once(self) -> None:
        """Runs it to its end; what it prints goes nowhere, as in a pipeline that looks at the exit code."""
        started = time.perf_counter()
        null = subprocess.DEVNULL
        process = subprocess.Popen(self.command, cwd=ROOT, stdout=null, stderr=null, preexec_fn=bounded)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - started)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != self.code:
            sys.exit(f"exit code {process.returncode}: {' '.join(self.command)}")
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.megabytes = max(self.megabytes, usage.ru_maxrss / 1024)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def in_turns(rounds: int, *all_runs: Runs) -> None:
    """One run that does not count, to warm the files; then each in turn."""
    for runs in all_runs:
        runs.once()
        runs.seconds.clear()
        runs.cpu.clear()
    for _ in range(rounds):
        for runs in all_runs:
            runs.once()


def row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def shown(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def alone(pai: str, rounds: int) -> None:
    """One small file: what an editor or a hook waits for."""
    validate = Runs([pai, "validate", "examples/quickstart/anthropic.yaml"])
    help_ = Runs([pai, "--version"])
    in_turns(rounds * 4, validate, help_)
    row("command", "median", "memory")
    row("---", "---:", "---:")
    row("`pai validate` on one file", shown(validate.median), f"{validate.megabytes:.0f} MiB")
    row("`pai --version`", shown(help_.median), f"{help_.megabytes:.0f} MiB")
    print()


def sizes(pai: str, folder: Path, rounds: int, counts: list[int]) -> None:
    """Manifests in a hundred files."""
    row("manifests", "validate", "each", "memory", "build", "each", "memory")
    row("---:", "---:", "---:", "---:", "---:", "---:", "---:")
    for count in counts:
        workspace = folder / str(count)
        generate("make.py", workspace, count, 100)
        validate = Runs([pai, "validate", str(workspace)])
        build = Runs([pai, "build", str(workspace), "-o", str(folder / "out.bundle")])
        in_turns(rounds, validate, build)
        row(
            f"{count:,}",
            shown(validate.median),
            f"{validate.median / count * 1e6:.0f} µs",
            f"{validate.megabytes:.0f} MiB",
            shown(build.median),
            f"{build.median / count * 1e6:.0f} µs",
            f"{build.megabytes:.0f} MiB",
        )
    print()


def beside(pai: str, other: str, folder: Path, rounds: int) -> None:
    """One document in each file, which is all that check-jsonschema reads."""
    row("files", "pai validate", "check-jsonschema", "times")
    row("---:", "---:", "---:", "---:")
    for count in (1, 100, 1000):
        workspace = folder / f"beside-{count}"
        generate("make.py", workspace, count, count)
        files = [str(path) for path in sorted(workspace.iterdir())]
        ours = Runs([pai, "validate", *files])
        theirs = Runs([other, "--schemafile", "schemas/pai.schema.json", *files])
        in_turns(rounds, ours, theirs)
        row(f"{count:,}", shown(ours.median), shown(theirs.median), f"{theirs.median / ours.median:.0f}")
    print()


def unusual(pai: str, folder: Path, rounds: int) -> None:
    """Each shape in a size and in twice that size: what takes far more than twice as long is not linear."""
    row("shape", "size", "validate", "twice the size", "memory", "build", "twice the size", "memory")
    row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:")
    for shape, size, code in shapes.SHAPES:
        once, twice = folder / f"{shape.__name__}-1", folder / f"{shape.__name__}-2"
        generate("shapes.py", shape.__name__, size, once)
        generate("shapes.py", shape.__name__, 2 * size, twice)
        output = ["-o", str(folder / "out.bundle")]
        validate = [Runs([pai, "validate", str(workspace)], code) for workspace in (once, twice)]
        build = [Runs([pai, "build", str(workspace), *output], code) for workspace in (once, twice)]
        in_turns(rounds, *validate, *build)
        cells = []
        for first, second in (validate, build):
            cells += [shown(first.median), f"{second.median / first.median:.1f}x", f"{first.megabytes:.0f} MiB"]
        row((shape.__doc__ or "").rstrip("."), f"{size:,}", *cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pai")
    parser.add_argument("check_jsonschema")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 20_000, 40_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone(arguments.pai, arguments.rounds)
        sizes(arguments.pai, folder, arguments.rounds, arguments.counts)
        beside(arguments.pai, arguments.check_jsonschema, folder, arguments.rounds)
        unusual(arguments.pai, folder, min(arguments.rounds, 3))


main()
