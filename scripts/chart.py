"""Renders the Helm chart for the tests, and validates what comes of it.

    .venv/bin/python scripts/chart.py           writes tests/deploy/chart/*.yaml anew
    .venv/bin/python scripts/chart.py --check   only says whether they are what the chart makes

For each file of values in `tests/deploy/chart`, `helm` renders manifests beside it, which must be
what the schemas of the oldest and of the newest supported Kubernetes allow, strictly. What they
were made from is noted by its digest: by that a test without Helm tells whether they are of today.

`helm` must be in PATH, or be named by --helm. The schemas are those of the package
kubernetes-validate, which is installed into an environment of its own in `build/kubernetes`.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "ollama-simulator"
GOLDEN = ROOT / "tests" / "deploy" / "chart"
DIGEST = GOLDEN / "digest.txt"
SCHEMAS = "kubernetes-validate==1.37.0"
VERSIONS = ("1.25", "1.37")
"""Of Kubernetes: that of the chart's `kubeVersion`, and the newest that there are schemas of."""
FOR = ("--namespace", "tests", "--kube-version", VERSIONS[-1])
"""Where and for whom it is rendered, whatever Helm would take."""
SUFFIX = ".values.yaml"


def digest() -> str:
    """That of everything that manifests are made from."""
    total = hashlib.sha256()
    for path in sorted([*CHART.rglob("*"), *GOLDEN.glob(f"*{SUFFIX}")]):
        if path.is_file():
            total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def rendered(helm: str, values: Path) -> str:
    """The manifests that come of a file of values."""
    command = [helm, "template", "sim", str(CHART), "--values", str(values), *FOR]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def validator() -> Path:
    """The program, which is installed if it isn't there."""
    place = ROOT / "build" / "kubernetes"
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    if not list(scripts.glob("kubernetes-validate*")):
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(scripts / "python"), "-m", "pip", "install", "-q", "--no-compile", SCHEMAS]
        subprocess.run(pip, check=True)
    return scripts / "kubernetes-validate"


def validate(manifests: str) -> None:
    """Refuse what any of the supported versions would refuse or does not know."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifests.yaml"
        path.write_text(manifests, encoding="utf-8")
        versions = [word for version in VERSIONS for word in ("-k", version)]
        subprocess.run([str(validator()), "--strict", "--quiet", *versions, str(path)], check=True)


def main() -> None:
    """Render, validate, and write or compare."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--check", action="store_true", help="write nothing")
    options.add_argument("--helm", default="helm", metavar="PATH")
    given = options.parse_args()
    wrong = []
    for values in sorted(GOLDEN.glob(f"*{SUFFIX}")):
        told = values.relative_to(ROOT)
        subprocess.run(
            [given.helm, "lint", "--strict", "--quiet", str(CHART), "--values", str(values)],
            check=True,
        )
        manifests = rendered(given.helm, values)
        golden = values.with_name(values.name.replace(SUFFIX, ".yaml"))
        validate(manifests)
        print(f"{told}: fine for Kubernetes {' and '.join(VERSIONS)}")
        if not given.check:
            golden.write_text(manifests, encoding="utf-8")
        elif not golden.exists() or golden.read_text(encoding="utf-8") != manifests:
            wrong.append(str(golden.relative_to(ROOT)))
    if not given.check:
        DIGEST.write_text(digest() + "\n", encoding="utf-8")
    if wrong:
        sys.exit(f"not what the chart makes: {', '.join(wrong)}; run scripts/chart.py")


if __name__ == "__main__":
    main()
