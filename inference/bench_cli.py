"""`rasid bench`: how many images a second this machine makes, and where the time goes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def bench(
    paths: Annotated[list[str] | None, typer.Argument(help="Images or folders; drawn streets if left out.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here.")] = None,
    images: Annotated[int, typer.Option(min=4, help="How many images to time.")] = 40,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores the model may use.")] = 1,
    model: Annotated[
        str, typer.Option(envvar="RASID_MODEL", metavar="NAME_OR_PATH", help="Released model or .onnx file.")
    ] = "default",
) -> None:
    """Time decoding, detection and both together on this machine, interleaved in one run.

    Compare the ratios: the times themselves change with whatever else the machine does.

    Example: rasid bench photos/ --json bench.json
    """
    from inference.bench import drawn_street, run_bench
    from inference.detector import Detector
    from inference.errors import ModelRefused
    from inference.progress import image_progress
    from inference.sources import NoImagesError, find_images

    try:
        detector = Detector.open(model, threads=threads)
        files = [Path(path).read_bytes() for path in find_images(paths)[:images]] if paths else []
    except (NoImagesError, ModelRefused) as refused:
        typer.echo(f"rasid bench: {refused}", err=True)
        raise typer.Exit(2) from refused
    files = files or [drawn_street(seed) for seed in range(images)]
    with image_progress() as progress:
        task = progress.add_task("", total=len(files))
        result = run_bench(detector, files, threads, lambda: progress.advance(task))
    typer.echo(f"{result.model} {result.version}, {result.threads} thread(s), {result.images} images")
    for name in ("decode", "detect", "end_to_end"):
        timing = getattr(result, name)
        half = f"middle half {timing.quarter_ms:.1f} to {timing.three_quarter_ms:.1f}"
        typer.echo(f"{name:>10}: {timing.median_ms:7.1f} ms ({half})")
    typer.echo(
        f"{result.images_per_s:.1f} images/s, decoding takes {result.decode_share:.0%}, "
        f"peak memory {result.peak_memory_mb:.0f} MB"
    )
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(asdict(result), indent=2) + "\n", "utf-8")
