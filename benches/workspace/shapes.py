"""Workspaces of unusual shape: `shapes.py NAME SIZE FOLDER` writes one. What each is like stands in its own sentence."""

import sys
from collections.abc import Callable
from pathlib import Path

import make

PROVIDER = """apiVersion: pai.io/v1
kind: ModelProvider
metadata: {{name: p{n}}}
spec: {{provider: vllm, endpoint: "http://p{n}/v1", maxTokensPerDay: {cap}{more}}}
"""

AGENT = """apiVersion: pai.io/v1
kind: Agent
metadata: {{name: a{n}}}
spec:
  models:
{models}"""

POLICY = """@id("own-{n}")
forbid (principal == Agent::"default/a{n}", action, resource)
when {{ context.external && context.tokensRequested > {cap} }};
"""


def texts(root: Path, documents: list[str], files: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for n in range(files):
        (root / f"{n:05}.yaml").write_text("---\n".join(documents[n::files]), encoding="utf-8")


def provider(n: int, more: str = "") -> str:
    return PROVIDER.format(n=n, cap=1_000_000 + n, more=more)


def agent(n: int, models: list[str]) -> str:
    return AGENT.format(n=n, models="".join(f"    - {model}\n" for model in models))


def one_file(root: Path, size: int) -> None:
    """All manifests in one file."""
    make.main(str(root), size, 1)


def files_of_one(root: Path, size: int) -> None:
    """Each manifest in a file of its own."""
    make.main(str(root), size, size)


def one_manifest(root: Path, size: int) -> None:
    """One manifest of so many lines."""
    lines = "".join(f"    - name: NAME_{n}\n      value: {'x' * 60}\n" for n in range(size // 2))
    texts(root, [provider(0), agent(0, ["p0/large"]) + "  env:\n" + lines], 1)


def one_block(root: Path, size: int) -> None:
    """One manifest with a text of so many lines, not all of it ASCII."""
    lines = "".join(f"      line {n} of a long täxt, as in a prompt: “{'x' * 40}”\n" for n in range(size))
    texts(root, [provider(0), agent(0, ["p0/large"]) + "  command:\n    - |\n" + lines], 1)


def long_lists(root: Path, size: int) -> None:
    """Agents that each list two hundred models of twenty providers."""
    documents = [provider(n) for n in range(20)]
    listed = [f"p{n % 20}/model-{n}" for n in range(200)]
    texts(root, documents + [agent(n, listed) for n in range(size)], 10)


def one_list(root: Path, size: int) -> None:
    """One agent that lists so many models."""
    texts(root, [provider(0), provider(1), agent(0, [f"p{n % 2}/model-{n}" for n in range(size)])], 1)


def patterns(root: Path, size: int) -> None:
    """One provider with so many entries in its lists."""
    allowed = ", ".join(f"model-{n}-*" for n in range(size // 2))
    denied = ", ".join(f"model-{n}-large" for n in range(size // 2))
    texts(root, [provider(0, f", allowedModels: [{allowed}], deniedModels: [{denied}]")], 1)


def policies(root: Path, size: int) -> None:
    """Rules of authors in one file, and an agent for each."""
    documents = [provider(0), provider(1)] + [agent(n, ["p0/large", "p1/large"]) for n in range(size)]
    texts(root, documents, 1)
    rules = "".join(POLICY.format(n=n, cap=1000 + n) for n in range(size))
    (root / "own.cedar").write_text(rules, encoding="utf-8")


def chain(root: Path, size: int) -> None:
    """Providers, each with the next one as its fallback, and an agent that may call them all."""
    links = [provider(n, f", fallbacks: [p{n + 1}/large]") for n in range(size - 1)] + [provider(size - 1)]
    texts(root, [*links, agent(0, [f"p{n}/large" for n in range(size)])], 1)


def web(root: Path, size: int) -> None:
    """Providers that each have twenty others as fallbacks."""
    def others(n: int) -> str:
        return ", ".join(f"p{other}/large" for other in range(n + 1, min(n + 21, size)))

    texts(root, [provider(n, f", fallbacks: [{others(n)}]") for n in range(size)], 1)


def errors(root: Path, size: int) -> None:
    """An unknown field in each manifest."""
    texts(root, [provider(n, ", maxTokenPerDay: 5") for n in range(size)], 100)


def strangers(root: Path, size: int) -> None:
    """Agents that each name a provider that is not there."""
    documents = [provider(n) for n in range(size // 2)]
    documents += [agent(n, [f"p{n}/large", f"pp-{n}x/large"]) for n in range(size // 2)]
    texts(root, documents, 100)


def twins(root: Path, size: int) -> None:
    """Manifests of one and the same name."""
    texts(root, [provider(0) for _ in range(size)], 100)


def broken(root: Path, size: int) -> None:
    """Documents that are not YAML, and agents that name what would be in them."""
    documents = [provider(n).replace("spec: {", "spec: {[") for n in range(size // 2)]
    documents += [agent(n, [f"p{n}/large"]) for n in range(size // 2)]
    texts(root, documents, 1)


def warnings(root: Path, size: int) -> None:
    """A warning in each manifest, allowed by a comment."""
    allowed = "  models: [p0/a, p0/b] # pai: allow PAI0310 one is enough"
    text = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: a{n}}}\nspec:\n{allowed}\n"
    texts(root, [provider(0), *(text.format(n=n, allowed=allowed) for n in range(size))], 1)


# How many each has, so that most take some tenths of a second, and with which exit code `pai validate` ends.
SHAPES: list[tuple[Callable[[Path, int], None], int, int]] = [
    (one_file, 10_000, 0),
    (files_of_one, 10_000, 0),
    (one_manifest, 130_000, 0),
    (one_block, 130_000, 0),
    (long_lists, 1_000, 0),
    (one_list, 40_000, 0),
    (patterns, 4_000, 0),
    (policies, 200, 0),
    (chain, 4_000, 0),
    (web, 2_000, 0),
    (errors, 10_000, 1),
    (strangers, 10_000, 1),
    (twins, 10_000, 1),
    (broken, 10_000, 1),
    (warnings, 10_000, 0),
]


if __name__ == "__main__":
    {shape.__name__: shape for shape, _, _ in SHAPES}[sys.argv[1]](Path(sys.argv[3]), int(sys.argv[2]))
