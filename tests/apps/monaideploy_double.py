"""Light doubles of the MONAI Deploy App SDK: an application, its ports and the two operators asked for.

Operators run one after the other in the order they were connected. Source: monai-deploy-app-sdk 4.0.0.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError


class CountCondition:
    """How often an operator runs; the engine starts one without input anew for ever where it has none."""

    def __init__(self, fragment: Any, count: int) -> None:
        self.count = count


class Operator:
    """An operator with its ports."""

    def __init__(self, fragment: Any, *args: Any, name: str = "", **kwargs: Any) -> None:
        assert not kwargs, f"the SDK takes no {kwargs}"
        self.conditions = [one for one in args if isinstance(one, CountCondition)]
        self.fragment, self.name = fragment, name
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.setup(SimpleNamespace(input=self.inputs.append, output=self.outputs.append))

    def setup(self, spec: Any) -> None: ...


class Study(SimpleNamespace):
    """A study and its series."""

    def get_all_series(self) -> list[Any]:
        return list(self.series.values())


class DICOMDataLoaderOperator(Operator):
    """Reads every file of a folder; drops and mixes up what the SDK's loader does."""

    def __init__(
        self, fragment: Any, *args: Any, input_folder: Path, must_load: bool = True, **kwargs: Any
    ) -> None:
        self.input_path, self.output_name, self._must_load = input_folder, "dicom_study_list", must_load
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: Any) -> None:
        spec.output(self.output_name)

    def load_data_to_studies(self, folder: Path) -> list[Any]:
        studies: dict[str, Study] = {}
        series: set[str] = set()  # of all studies: the first one keeps a SeriesInstanceUID
        for path in sorted(folder.iterdir()):
            try:
                header = dcmread(path)
            except InvalidDicomError:  # alone of all errors
                continue
            if not all(word in header for word in ("StudyInstanceUID", "SOPInstanceUID", "SOPClassUID")):
                continue
            uid = str(header.StudyInstanceUID)
            study = studies.setdefault(uid, Study(StudyInstanceUID=uid, series={}))
            if header.SeriesInstanceUID not in series:
                series.add(header.SeriesInstanceUID)
                one = SimpleNamespace(SeriesInstanceUID=header.SeriesInstanceUID, header=header)
                study.series[header.SeriesInstanceUID] = one
        assert studies or not self._must_load
        return list(studies.values())


class DICOMSeriesSelectorOperator(Operator):
    """Every series, or those of which a condition matches the SeriesDescription."""

    def __init__(self, fragment: Any, *args: Any, rules: str, all_matched: bool, **kwargs: Any) -> None:
        assert all_matched
        self.rules = rules
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: Any) -> None:
        spec.input("dicom_study_list")
        spec.output("study_selected_series_list")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        studies = op_input.receive("dicom_study_list")
        if studies and not self.rules:
            logging.warning("No selection rules given; select all series.")
        found = re.search(r'"SeriesDescription": "([^"]*)"', self.rules)
        pattern = found[1] if found else ""
        chosen = []
        for study in studies:
            series = [
                one for one in study.get_all_series() if re.search(pattern, one.header.SeriesDescription)
            ]
            if series:
                selected = [SimpleNamespace(series=one) for one in series]
                chosen.append(SimpleNamespace(study=study, selected_series=selected))
        op_output.emit(chosen, "study_selected_series_list")


class Application:
    """Runs its operators when it is told to."""

    def __init__(self, argv: list[str] | None = None) -> None:
        self.argv = argv or sys.argv
        self.flows: list[tuple[Operator, Operator, set[tuple[str, str]]]] = []
        self.sections: dict[str, dict[str, Any]] = {"mrclass": {"device": "cpu", "jobs": 1}}
        self.read = ""

    @staticmethod
    def init_app_context(argv: list[str]) -> Any:
        named = dict(zip(argv[1::2], argv[2::2], strict=True))
        return SimpleNamespace(input_path=named["-i"], output_path=named["-o"], model_path=named["-m"])

    def config(self, path: str) -> None:
        self.read = path

    def kwargs(self, section: str) -> dict[str, Any]:
        return self.sections.get(section, {})

    def add_flow(self, before: Operator, after: Operator, ports: set[tuple[str, str]]) -> None:
        assert all(out in before.outputs and into in after.inputs for out, into in ports), ports
        self.flows.append((before, after, ports))

    def compose(self) -> None: ...

    def run(self) -> None:
        self.compose()
        waiting: dict[tuple[Operator, str], Any] = {}
        assert [one.count for one in self.flows[0][0].conditions] == [1]
        for operator in dict.fromkeys(one for before, after, _ in self.flows for one in (before, after)):
            received = {port: waiting[operator, port] for port in operator.inputs}

            def emit(value: Any, name: str, source: Operator = operator) -> None:
                for before, after, ports in self.flows:
                    for out, into in ports:
                        if before is source and out == name:
                            waiting[after, into] = value

            compute: Callable[..., Any] = operator.compute  # type: ignore[attr-defined]
            compute(SimpleNamespace(receive=received.__getitem__), SimpleNamespace(emit=emit), None)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the doubles in the place of the SDK, and forgets what was imported against it."""
    contents: dict[str, dict[str, Any]] = {
        "monai.deploy": {},
        "monai.deploy.conditions": {"CountCondition": CountCondition},
        "monai.deploy.core": {
            "Application": Application,
            "Fragment": object,
            "Operator": Operator,
            "OperatorSpec": object,
        },
        "monai.deploy.operators": {
            "DICOMDataLoaderOperator": DICOMDataLoaderOperator,
            "DICOMSeriesSelectorOperator": DICOMSeriesSelectorOperator,
        },
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("mrclass_deploy.app", "mrclass_deploy.operators"):
        monkeypatch.delitem(sys.modules, name, raising=False)
