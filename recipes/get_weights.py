"""Weights of judges that no dependency brings."""

from __future__ import annotations


def get_weights(folder: str) -> None:
    """Fetch the speaker encoder of PyPI's resemblyzer 0.1.4 (Apache-2.0, 17 MB) into a folder, without installing that package.

    It needs the network, once. Its file is found by evaluate.py through $UNPAIRED_SPEAKER_ENCODER.

    Args:
        folder: where it is to lie.
    """
    import hashlib
    import subprocess
    import sys
    import tempfile
    import zipfile
    from pathlib import Path

    from domains.metrics.voice import WEIGHTS, WEIGHTS_SHA256
    from translate.checkpoint import write_file
    from translate.errors import UserError, reason

    path = Path(folder) / "speaker-encoder.pt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({reason(error)}): choose another folder") from error
    # never installed: its dependency `typing` hides Python's own, and torch then cannot be imported
    with tempfile.TemporaryDirectory() as temporary:
        ask = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", temporary, "resemblyzer==0.1.4"]
        done = subprocess.run(ask, capture_output=True, text=True)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
            raise UserError(f"resemblyzer 0.1.4 could not be downloaded ({last}): try again with the network")
        with zipfile.ZipFile(wheels[0]) as wheel:
            content = wheel.read("resemblyzer/pretrained.pt")
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise UserError("the downloaded resemblyzer is not the published one (its sha256 differs): try again")
    write_file(path, content)
    print(f"export {WEIGHTS}={path.resolve()}")
