"""Commands on annotations: masks, lint, look, convert."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from maskwright.cli.options import MASKS, PARAMS, RESULTS, Classes, Images, Label, megapixels, names
from maskwright.params import load_params
from maskwright.shared.terminal import console, note, tell


class AnnotationFormat(StrEnum):
    """What `convert` writes."""

    via = "via"
    coco = "coco"
    yolo = "yolo"
    png = "png"


def masks(
    file: Annotated[Path | None, typer.Argument(help="Annotation file; default: those in params.yaml.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; one that is there is replaced.")] = MASKS,
    onehot: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Also write {image name: (H, W, classes) mask}.")
    ] = None,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out, and report, what would otherwise stop it.")
    ] = False,
) -> None:
    """Turn annotations into index masks: one PNG for each image, and an index CSV for each split."""
    from maskwright.via.convert import convert_annotations, convert_file

    if file is not None:
        on_error = "skip" if skip else "fail"
        report = convert_file(
            file,
            out,
            label=label,
            classes=names(classes),
            images=images,
            on_error=on_error,
            onehot=onehot,
            megapixels=megapixels(),
        )
        _tell({file.name: report}, out)
        return
    if label is not None or classes is not None or images is not None or skip:
        raise typer.BadParameter(
            "belongs to a FILE; without one, params.yaml decides", param_hint="--label, --classes, --images, --skip"
        )
    _tell(convert_annotations(load_params().annotations, out, onehot=onehot), out)


def lint(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Annotation files, and folders that hold some.")
    ],
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the report here too.")] = None,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
) -> None:
    """Check annotation files; exit code 1 where something in them would be lost.

    Files that params.yaml names are read by its settings.
    """
    from maskwright.via.report import print_report, report_as_json
    from maskwright.via.targets import annotation_files, lint_all

    targets: list[Path] = []
    for file in files:
        found, others = annotation_files(file) if file.is_dir() else ([file], [])
        targets += found
        for other in others:
            note(f"passed over: {other}")
    # Outside a project there are no settings; inside one they must be right to be of use.
    annotations = load_params().annotations if PARAMS.is_file() else None
    reports = list(lint_all(targets, annotations, label=label, classes=names(classes), images=images))
    for report in reports:
        print_report(report, console())
    if json_out is not None:
        contents = [report_as_json(report) for report in reports]
        json_out.parent.mkdir(parents=True, exist_ok=True)
        json_out.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not all(report.lossless for report in reports):
        raise typer.Exit(1)


def look(
    source: Annotated[
        Path, typer.Argument(metavar="[FILE|DIR]", help="Annotation file, or a folder of masks made from some.")
    ] = MASKS,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Folder to write into; default: {RESULTS / 'look'} for {MASKS}, else look."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=600, metavar="N", help="Photographs on the contact sheet.")] = 60,
    label: Label = None,
    classes: Classes = None,
    images: Images = None,
) -> None:
    """Show the annotations, the worst first, and what the data are like, on a page and as pictures."""
    params = load_params()
    size = params.section("segmentation").size
    folder = out or (RESULTS / "look" if source == MASKS else Path("look"))
    if source.is_dir() or source == MASKS:
        if label is not None or classes is not None or images is not None:
            raise typer.BadParameter("belongs to an annotation file", param_hint="--label, --classes, --images")
        from maskwright.looking.look import look as look_at

        lines = look_at(source, folder, size=size, title=str(source), most=most)
    else:
        from maskwright.looking.annotations import look_at_file

        lines = look_at_file(
            source,
            folder,
            size=size,
            most=most,
            label=label,
            classes=names(classes),
            images=images,
            megapixels=params.annotations.megapixels,
        )
    for line in lines:
        tell(line)


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="An annotation file; or a folder of LabelMe, YOLO or index masks.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file (via, coco) or folder (yolo, png).")],
    to: Annotated[AnnotationFormat, typer.Option(help="The format to write.")],
    images: Images = None,
    label: Label = None,
    classes: Classes = None,
    simplify: Annotated[
        float, typer.Option(min=0, metavar="PIXELS", help="Simplify outlines drawn from index masks by about this.")
    ] = 0.0,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out, and report, what would otherwise stop it.")
    ] = False,
) -> None:
    """Convert annotations (VIA 1 to 3, COCO, LabelMe, YOLO, index masks) into VIA 2, COCO, YOLO or index masks.

    Everything is checked as by `lint`, and what the new format cannot hold is reported.
    """
    from maskwright.formats.convert import LossError
    from maskwright.formats.convert import convert as convert_annotations
    from maskwright.via.report import print_report

    try:
        report = convert_annotations(
            source,
            out,
            to.value,
            images=images,
            label=label,
            classes=names(classes),
            skip=skip,
            tolerance=simplify,
            megapixels=megapixels(),
        )
    except LossError as error:
        print_report(error.report, console())
        raise
    print_report(report, console())
    tell(f"Written to {out}")


def _tell(reports: dict[str, Any], out: Path) -> None:
    for name, report in reports.items():
        regions = ", ".join(f"{count} {label}" for label, count in sorted(report.per_class.items()))
        findings = f"; findings: {len(report.problems)}, see {out}/report.json" if report.problems else ""
        masks = report.images - report.images_unusable
        tell(f"{name}: {masks} {'mask' if masks == 1 else 'masks'}; {regions or 'no region'}{findings}")
