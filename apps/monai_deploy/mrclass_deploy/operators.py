"""The operators of the application: intake, ensemble, Structured Reports, JSON; each only translates.

Between intake and ensemble stands the SDK's own DICOMSeriesSelectorOperator. Source: monai-deploy-app-sdk
4.0.0, operators/dicom_data_loader_operator.py and dicom_series_selector_operator.py.
"""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from monai.deploy.core import Fragment, Operator, OperatorSpec
from monai.deploy.operators import DICOMDataLoaderOperator
from mrclass.errors import MRClassError, UsageError
from mrclass.run import classify

from mrclass_deploy.findings import Study, as_json, collect, write_json
from mrclass_deploy.intake import ask, choose, take
from mrclass_deploy.settings import Settings
from mrclass_deploy.structured_report import build

logger = logging.getLogger(__name__)
RUN = "report"  # folder of the run below the output: report.html, its pictures and tables
JSON = "mrclass.json"


@dataclass(frozen=True)
class Findings:
    """What goes from the ensemble to what is written of it: the studies, and run.json of the run."""

    studies: list[Study]
    run: dict[str, Any]


def refuse_earlier(output: Path) -> None:
    """Refuses an output folder in which two results would mix.

    Raises:
        UsageError: an earlier run left its own there.
    """
    for name in (RUN, JSON):
        if (output / name).exists():
            raise UsageError(f"{output / name} exists; wanted an output folder without an earlier result.")


def told(compute: Callable[..., None]) -> Callable[..., None]:
    """Leaves a failure with the application, so that it ends with our sentence."""

    @wraps(compute)
    def run(self: Any, op_input: Any, op_output: Any, context: Any) -> None:
        try:
            compute(self, op_input, op_output, context)
        except MRClassError as error:
            self.app.failure = error
            raise

    return run


class IntakeOperator(DICOMDataLoaderOperator):
    """The project's intake in the place of the SDK's loader.

    Named outputs:
        dicom_study_list: for the selector; each series by its first image. Without rules empty: nothing is
            asked, and what the loader would drop is not lost.
        intake: every series and file, also what is no image or cannot be read.
    """

    def __init__(self, fragment: Fragment, *args: Any, exclude: Path, rules: str, **kwargs: Any) -> None:
        self.app, self.exclude, self.rules = fragment, exclude, rules
        super().__init__(fragment, *args, must_load=False, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """The SDK's ports and one more."""
        super().setup(spec)
        spec.output("intake")

    @told
    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Finds the series."""
        held = take(self.input_path, self.exclude)
        held, studies = ask(held, self.load_data_to_studies) if self.rules else (held, [])
        op_output.emit(studies, self.output_name)
        op_output.emit(held, "intake")


class EnsembleOperator(Operator):
    """Classifies the chosen series in worker processes, as `mrclass classify` does.

    Named inputs: study_selected_series_list, intake. Named output: findings.
    """

    def __init__(
        self, fragment: Fragment, *args: Any, source: Path, models: Path, output: Path, settings: Settings,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        self.app, self.source, self.models, self.output = fragment, source, models, output
        self.settings = settings
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """The ports."""
        spec.input("study_selected_series_list")
        spec.input("intake")
        spec.output("findings")

    @told
    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Runs the ensemble and writes the run's report."""
        selected = op_input.receive("study_selected_series_list") or []
        held = op_input.receive("intake")
        out = self.output / RUN
        if self.settings.rules:
            chosen = {
                (str(study.study.StudyInstanceUID), str(one.series.SeriesInstanceUID))
                for study in selected
                for one in study.selected_series
            }
            held = choose(held, chosen)
        result = classify(
            [self.source],
            out,
            bundles=self.models,
            jobs=self.settings.jobs,
            device=self.settings.device,
            timeout_s=self.settings.timeout_s,
            command=shlex.join(sys.argv),
            say=logger.info,
            scan=lambda *_: held,
        )
        op_output.emit(Findings(collect(held.series, out), dict(result.run)), "findings")


class StructuredReportOperator(Operator):
    """Writes a DICOM Structured Report for each study, named by its SOPInstanceUID.

    Named input: findings. Named outputs: findings; reports, of each study the file's name and, where there is
    none, the reason.
    """

    def __init__(self, fragment: Fragment, *args: Any, output: Path, **kwargs: Any) -> None:
        self.app, self.output = fragment, output
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """The ports."""
        spec.input("findings")
        spec.output("reported")

    @told
    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Writes the reports; one that cannot be made does not take the others along."""
        found = op_input.receive("findings")
        reports = [self._write(study, found.run["members"]) for study in found.studies]
        op_output.emit((found, reports), "reported")

    def _write(self, study: Study, members: dict[str, Any]) -> tuple[str | None, str]:
        if not study.uid:
            return None, "no study is named"
        try:
            report = build(study, members)
        except Exception as error:  # headers of strangers: anything can be missing or wrong
            logger.exception("no Structured Report for study %s", study.uid)
            return None, f"{type(error).__name__}: {error}"
        name = f"{report.SOPInstanceUID}.dcm"
        report.save_as(self.output / name, enforce_file_format=True)
        return name, ""


class ResultsOperator(Operator):
    """Writes mrclass.json. Named input: reported."""

    def __init__(self, fragment: Fragment, *args: Any, output: Path, **kwargs: Any) -> None:
        self.app, self.output = fragment, output
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """The port."""
        spec.input("reported")

    @told
    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        """Writes the JSON, then fails if a study has no Structured Report."""
        found, reports = op_input.receive("reported")
        content = as_json(found.studies, reports, found.run, f"{RUN}/report.html")
        write_json(self.output / JSON, content)
        lacking = [
            f"{study.uid} ({reason})"
            for study, (name, reason) in zip(found.studies, reports, strict=True)
            if study.uid and name is None
        ]
        if lacking:
            raise MRClassError(f"No Structured Report could be made of study {', '.join(lacking)}.")
