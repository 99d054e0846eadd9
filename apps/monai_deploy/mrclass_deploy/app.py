"""The application: DICOM in; a Structured Report for each study, a JSON and the picture report out.

    python apps/monai_deploy -i STUDIES -o OUT -m BUNDLES

Or by HOLOSCAN_INPUT_PATH, HOLOSCAN_OUTPUT_PATH and HOLOSCAN_MODEL_PATH, as in a container. The input is only
read; all that is written lies below OUT. Knobs: app.yaml, or the file that HOLOSCAN_CONFIG_PATH names.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application
from monai.deploy.operators import DICOMSeriesSelectorOperator
from mrclass.errors import MRClassError

from mrclass_deploy import settings
from mrclass_deploy.operators import (
    EnsembleOperator,
    IntakeOperator,
    ResultsOperator,
    StructuredReportOperator,
    refuse_earlier,
)

CONFIG = Path(__file__).resolve().parents[1] / "app.yaml"


class MRClass(Application):
    """Intake, selection, ensemble, Structured Reports, JSON, one after the other.

    Attributes:
        failure: what one of our operators failed of; the engine passes on that it failed, not why.
    """

    failure: MRClassError | None = None

    def compose(self) -> None:
        """Makes the operators and connects them."""
        # the SDK wonders at folders that are no model of its own; the bundles are mrclass's to read
        logging.getLogger("monai.deploy.core.models.named_model").setLevel(logging.ERROR)
        context = Application.init_app_context(self.argv)
        source, output = Path(context.input_path).resolve(), Path(context.output_path).resolve()
        knobs = settings.read(self.kwargs("mrclass"))
        refuse_earlier(output)
        output.mkdir(parents=True, exist_ok=True)
        once = CountCondition(self, 1)  # without it an operator that waits for nothing starts over for ever
        intake = IntakeOperator(
            self, once, input_folder=source, exclude=output, rules=knobs.rules, name="intake"
        )
        select = DICOMSeriesSelectorOperator(self, rules=knobs.rules, all_matched=True, name="select")
        models = Path(context.model_path).resolve()
        ensemble = EnsembleOperator(
            self, source=source, models=models, output=output, settings=knobs, name="ensemble"
        )
        report = StructuredReportOperator(self, output=output, name="structured_report")
        results = ResultsOperator(self, output=output, name="results")
        self.add_flow(intake, select, {("dicom_study_list", "dicom_study_list")})
        self.add_flow(intake, ensemble, {("intake", "intake")})
        self.add_flow(select, ensemble, {("study_selected_series_list", "study_selected_series_list")})
        self.add_flow(ensemble, report, {("findings", "findings")})
        self.add_flow(report, results, {("reported", "reported")})


def main() -> int:
    """The command; exit code 0, also where some series could not be read: the report says so; 1: failure."""
    app = MRClass()
    app.config(os.environ.get("HOLOSCAN_CONFIG_PATH") or str(CONFIG))
    try:
        app.run()
    except Exception as error:
        failure = app.failure or error
        if not isinstance(failure, MRClassError):
            raise
        app.failure = failure
    if app.failure is not None:
        print(f"mrclass: {app.failure}", file=sys.stderr)
    return int(app.failure is not None)
