"""A team adopts the hooks: a bad manifest is stopped, its help is followed word by word, and the commit goes through."""

import os
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(os.environ["PAI_ROOT"])
BINARY = Path(os.environ["PAI_BIN"])
WHEELS = os.environ["PAI_WHEELS"]

# Two mistakes that the hook's own words mend: a name of a field, and a word that YAML readers read in two ways.
BAD = """\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: anthropic
  labels:
    shared: no # not yet
spec:
  provider: anthropic
  apiKeySecretRef:
    name: anthropic-key
  maxTokenPerDay: 5_000_000
"""
UGLY = """\
apiVersion: pai.io/v1
kind:   Agent # by day
metadata: {name: reviewer}
spec:
  models:
  - anthropic/claude-sonnet-4-6
"""
NEAT = """\
apiVersion: pai.io/v1
kind: Agent # by day
metadata: { name: reviewer }
spec:
  models:
    - anthropic/claude-sonnet-4-6
"""
CASES = """\
cases:
  - name: reviewers do not use opus
    agent: reviewer
    model: anthropic/claude-opus-4-1
    expect: allowed
"""


class Repository:
    """A repository in a temporary folder, with hooks of one flavour."""

    def __init__(self, folder: Path, flavour: str, hooks: Path):
        self.folder, self.flavour = folder / flavour, flavour
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if flavour == "system":
            # A folder with nothing but `pai`, so that nothing else of ours is found by accident.
            (folder / "bin").mkdir()
            (folder / "bin" / "pai").symlink_to(BINARY)
            path = f"{folder / 'bin'}:{path}"
        self.environment = {
            **os.environ,
            "PATH": path,
            "HOME": str(folder),
            "PRE_COMMIT_HOME": str(folder / f"{flavour}-cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            # Installing the hook must not need a network: the wheel and what builds the pin lie here.
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": WHEELS,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "NO_COLOR": "1",
        }
        for variable in ("PAI_BIN", "PAI_ROOT", "PAI_WHEELS", "CARGO_TARGET_DIR"):
            self.environment.pop(variable, None)
        source = self.publish(folder / f"{flavour}-hooks", hooks)
        self.folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        revision = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=source, text=True).strip()
        self.source = f"  - repo: {source}\n    rev: {revision}\n"
        self.use("pai-fmt", "pai-validate")

    def use(self, *hooks: str) -> None:
        """Lists the hooks that run."""
        self.hooks = hooks
        listed = "".join(f"      - id: {hook}\n" for hook in hooks)
        self.write(".pre-commit-config.yaml", f"repos:\n{self.source}    hooks:\n{listed}")

    def publish(self, folder: Path, hooks: Path) -> Path:
        """Makes a repository of the hooks, as their users would clone it."""
        shutil.copytree(hooks, folder) if hooks.is_dir() else folder.mkdir()
        if hooks.is_file():
            shutil.copy(hooks, folder)
        self.git("init", "--quiet", cwd=folder)
        self.git("add", "--all", cwd=folder)
        self.git("commit", "--quiet", "--message", "Hooks", cwd=folder)
        return folder

    def git(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        return self.run("git", *who, *arguments, cwd=cwd, check=arguments[0] != "commit" or cwd is not None)

    def pre_commit(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "pre_commit", *arguments)

    def run(self, *command: str, cwd: Path | None = None, check: bool = False) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        )
        if check and done.returncode != 0:
            sys.exit(f"{command}: {done.stdout}")
        return done

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


def expect(found: bool, what: str, done: subprocess.CompletedProcess) -> None:
    if not found:
        sys.exit(f"{what}, but:\n{done.stdout}")


def timed(action, *arguments: str) -> tuple[subprocess.CompletedProcess, str]:
    """How long it took; the CPU's share is the firmer number on a busy machine."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = action(*arguments)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, f"{seconds:.1f} s, {busy:.1f} s of them on the CPU"


def follow(said: str, text: str) -> str:
    """The manifest with every change that the diagnostics ask for, taken from their words and nothing else."""
    for wrong, right in re.findall(r"has no field `(\w+)`.*?did you mean `(\w+)`", said, re.DOTALL):
        text = text.replace(f"{wrong}:", f"{right}:")
    for wrong, right in re.findall(r"do not agree on `(\w+)`.*?quote it if it is text: (\"\w+\")", said, re.DOTALL):
        text = text.replace(f": {wrong} ", f": {right} ")
    return text


def corrected(repository: Repository, name: str) -> str:
    """The manifest with the corrections that the finding's own JSON holds."""
    done = subprocess.run([BINARY, "validate", "--format", "json"], cwd=repository.folder, text=True, capture_output=True)
    text = repository.read(name).encode()
    fixes = [finding["fix"] for finding in json.loads(done.stdout)["findings"] if "fix" in finding]
    for fix in sorted(fixes, key=lambda fix: -fix["range"]["start"]["byte"]):
        assert fix["file"] == name, fix
        text = text[: fix["range"]["start"]["byte"]] + fix["replacement"].encode() + text[fix["range"]["end"]["byte"] :]
    return text.decode()


def adopt(repository: Repository) -> None:
    installed, seconds = timed(repository.pre_commit, "install", "--install-hooks")
    expect(installed.returncode == 0, "the hooks are installed", installed)
    print(f"{repository.flavour}: installed in {seconds}")

    # A repository that has nothing of ours: in silence.
    repository.write("compose.yaml", "services:   {web: {image: web}}\n")
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Before pai")
    expect(done.returncode == 0, "a repository without manifests is left in peace", done)
    expect("pai validate" in done.stdout and "checked" not in done.stdout, "the hooks ran in silence", done)

    # A bad manifest: stopped with our words.
    repository.write("anthropic.yaml", BAD)
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Add a provider")
    expect(done.returncode != 0, "the commit is stopped", done)
    for words in ("PAI0205", "`spec` has no field `maxTokenPerDay`", "anthropic.yaml:11:3", "PAI0107", "2 errors"):
        expect(words in done.stdout, f"the hook says {words}", done)
    expect(repository.read("anthropic.yaml") == BAD, "the file is as it was", done)

    # The help, word by word: passes.
    mended = follow(done.stdout, BAD)
    assert mended != BAD and "maxTokensPerDay: 5_000_000" in mended and 'shared: "no" # not yet' in mended, mended
    assert corrected(repository, "anthropic.yaml") == mended, "programs are told the same"
    repository.write("anthropic.yaml", mended)
    repository.git("add", "--all")
    done, seconds = timed(repository.pre_commit, "run")
    expect(done.returncode == 0, "the mended manifest passes", done)
    print(f"{repository.flavour}: {len(repository.hooks)} hooks ran in {seconds}")
    done = repository.git("commit", "--message", "Add a provider")
    expect(done.returncode == 0, "the mended manifest is committed", done)

    # A bad layout: mended by the hook, which stops the commit so that it can be looked at.
    repository.write("reviewer.yaml", UGLY)
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Add an agent")
    expect(done.returncode != 0 and "files were modified by this hook" in done.stdout, "the layout is mended", done)
    expect(repository.read("reviewer.yaml") == NEAT, "the layout is ours", done)
    expect(repository.read("compose.yaml").startswith("services:   {"), "other files are left alone", done)
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Add an agent")
    expect(done.returncode == 0, "the second attempt goes through", done)

    # A deleted file breaks what refers to it, though no file that is left has changed.
    repository.git("rm", "--quiet", "anthropic.yaml")
    done = repository.pre_commit("run", "--all-files")
    expect(done.returncode != 0 and "PAI0301" in done.stdout, "a reference into nothing is found", done)

    # Cases: none is an error, one that fails stops the commit, and the case that is right passes.
    repository.git("reset", "--quiet", "--hard")
    repository.use("pai-fmt", "pai-validate", "pai-test")
    repository.git("add", "--all")
    done = repository.pre_commit("run", "--all-files")
    expect(done.returncode != 0 and "there are no tests" in done.stdout, "a hook without tests says so", done)
    repository.write("access.test.yaml", CASES)
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Say who may do what")
    expect(done.returncode != 0 and "+ found     refused" in done.stdout, "a case that fails stops the commit", done)
    repository.write("access.test.yaml", CASES.replace("expect: allowed", "expect: refused"))
    repository.git("add", "--all")
    done = repository.git("commit", "--message", "Say who may do what")
    expect(done.returncode == 0, "the case that is right is committed", done)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        adopt(Repository(Path(folder), "system", ROOT / ".pre-commit-hooks.yaml"))
        adopt(Repository(Path(folder), "wheel", ROOT / "packaging" / "pre-commit"))


main()
