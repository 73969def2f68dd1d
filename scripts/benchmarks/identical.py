"""Whether two commits give the same results: scripts/benchmarks/identical.py BEFORE [AFTER].

Each commit is checked out in its own folder and renders a video with sound, a zoom, a still with
alpha, a visualisation, a mask with a guide, a loop, tiles, a sweep of four jobs and shots in two
parts. Decoded frames are compared, and files of stills. AFTER also starts from results of BEFORE
with from=: a recipe.yaml, a video and a job of a sweep.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.ffmpeg.process import executable

LITTLE = (
    *("dreamer.octaves=2", "dreamer.iterations=2", "dreamer.upkeep_iterations=1"),
    "dreamer.entering_iterations=1",
)
SMALL = ("width=160", "frames=12")
CASES: dict[str, tuple[str, ...]] = {
    "video with sound": ("input=clip.mp4", "output=out.mp4", *SMALL, *LITTLE),
    "zoom": ("recipe=zoom", "output=out.mkv", "width=160", "height=96", "frames=12"),
    "still with alpha": ("recipe=still", "input=alpha.png", "output=out.png"),
    "visualisation": (
        *("recipe=visualise", "output=out.png", "dreamer.iterations=8"),
        *("width=96", "height=96", "dreamer.views.side=96"),
    ),
    "mask and guide": (
        *("input=clip.mp4", "mask=mask.png", "guide=alpha.png", "objective=guide"),
        *("output=out.mkv", *SMALL, *LITTLE),
    ),
    "loop": (
        *("input=clip.mp4", "loop=true", "loop_seconds=0.2", "output=out.mkv"),
        *(*SMALL, *LITTLE),
    ),
    "tiles": ("input=clip.mp4", "tile=256", "width=640", "frames=2", "output=out.mkv", *LITTLE),
    "sweep of four": (
        *("-m", "input=clip.mp4", "output=out.mkv", "seed=1,2", "dreamer.step_size=0.02,0.03"),
        *("sweep=sweep", *SMALL, *LITTLE),
    ),
}
"""Name of a case -> arguments of its command line."""
SHOTS = ("input=cut.mp4", "output=shots.mkv", "--least", "8", "width=160", *LITTLE)
FROM = ("video with sound/out.mp4", "loop/out.mkv.render/recipe.yaml", "sweep of four/sweep")
"""Results of BEFORE that AFTER starts from; of a sweep, its first job."""


def main() -> None:
    """Print the table; exit with 1 if anything differs."""
    before, after = [*sys.argv[1:], "HEAD"][:2]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _inputs(home)
        hashes = {}
        for side, commit in (("before", before), ("after", after)):
            code = home / f"code-{side}"
            subprocess.run(["git", "worktree", "add", "--detach", code, commit], check=True)
            try:
                hashes[side] = dict(_render_cases(code, home / side, home))
                if side == "after":
                    _read_back(code, home / "before", home)
            finally:
                subprocess.run(["git", "worktree", "remove", "--force", code], check=True)
    names = sorted({*hashes["before"], *hashes["after"]})
    same = {name: hashes["before"].get(name) == hashes["after"].get(name) for name in names}
    for name in names:
        print(
            f"{name:44s} {hashes['after'].get(name, 'missing'):34s} "
            f"{'identical' if same[name] else 'DIFFERS'}"
        )
    sys.exit(0 if all(same.values()) else 1)


def _inputs(home: Path) -> None:
    """Write the input files of the cases."""
    tests = ["-f", "lavfi", "-i", "testsrc2=s=320x192:r=12:d=2"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
    _ffmpeg(home, *tests, *sound, "-c:a", "aac", "-shortest", "clip.mp4")
    grey = "geq=lum='255*X/W':cb=128:cr=128"
    _ffmpeg(home, *tests, "-frames:v", "1", "-vf", f"format=yuv444p,{grey}", "mask.png")
    alpha = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*Y/H'"
    _ffmpeg(home, *tests, "-frames:v", "1", "-vf", alpha, "alpha.png")
    second = ["-f", "lavfi", "-i", "mandelbrot=s=320x192:r=12"]
    joined = "[0:v]trim=end=1[a];[1:v]trim=end=1[b];[a][b]concat=n=2"
    _ffmpeg(home, *tests, *second, "-filter_complex", joined, "cut.mp4")


def _render_cases(code: Path, folder: Path, home: Path) -> list[tuple[str, str]]:
    """Render each case with this code; return (name, hash) of each output."""
    hashes = []
    for case, words in CASES.items():
        case_folder = folder / case
        case_folder.mkdir(parents=True)
        _run([sys.executable, "-m", "pipeline", *_absolute(words, home)], code, case_folder)
        hashes += [
            (f"{case}: {path.relative_to(case_folder)}", _hash(path))
            for path in _outputs(case_folder)
        ]
    case_folder = folder / "shots"
    case_folder.mkdir()
    script = code / "scripts" / "render_shots.py"
    _run([sys.executable, str(script), *_absolute(SHOTS, home)], code, case_folder)
    hashes.append(("shots in two parts: shots.mkv", _hash(case_folder / "shots.mkv")))
    return hashes


def _read_back(code: Path, before: Path, home: Path) -> None:
    """Render with this code from results of the code before."""
    for number, name in enumerate(FROM):
        path = before / name
        if path.name == "sweep":
            path = next(job for job in sorted(path.iterdir()) if (job / "status.json").exists())
        words = [f"from={path}", f"input={home}/clip.mp4", f"output=from-{number}.mkv"]
        _run([sys.executable, "-m", "pipeline", *words], code, home)
        print(f"from={path.relative_to(before)}: read")


def _absolute(words: Sequence[str], home: Path) -> list[str]:
    """Return the arguments with absolute paths of the inputs."""
    keys = ("input=", "mask=", "guide=")
    return [word.replace("=", f"={home}/", 1) if word.startswith(keys) else word for word in words]


def _run(command: Sequence[str], code: Path, folder: Path) -> None:
    """Run the command in a folder, with the package of this code; exit on failure."""
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "2"}
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"{' '.join(command)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")


def _outputs(folder: Path) -> list[Path]:
    """Return the output files in a folder."""
    return sorted(path for path in folder.rglob("out.*") if path.is_file())


def _hash(path: Path) -> str:
    """Return the hash of a still's bytes, or of a video's decoded frames and sound."""
    if path.suffix == ".png":
        return hashlib.md5(path.read_bytes()).hexdigest()
    decode = [executable(), "-v", "error", "-i", str(path), "-map", "0", "-f", "md5", "-"]
    done = subprocess.run(decode, capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix("MD5=")


def _ffmpeg(folder: Path, *words: str) -> None:
    subprocess.run([executable(), "-v", "error", *words], cwd=folder, check=True)


if __name__ == "__main__":
    main()
