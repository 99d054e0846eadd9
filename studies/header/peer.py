"""What dcm-classifier says of the volumes of one folder; runs in an environment of its own, reads only.

    PEER/bin/python studies/header/peer.py FOLDER

Prints {"version": ..., "volumes": [image type, ...]} as JSON; what the package itself prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path


def main() -> int:
    """The command; a folder that stops the package ends it with a traceback and another exit code than 0."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from dcm_classifier.image_type_inference import ImageTypeClassifierBase
    from dcm_classifier.study_processing import ProcessOneDicomStudyToVolumesMappingBase

    study = ProcessOneDicomStudyToVolumesMappingBase(
        study_directory=Path(sys.argv[1]), inferer=ImageTypeClassifierBase()
    )
    study.run_inference()
    said = [
        str(volume.get_volume_modality())
        for series in study.series_dictionary.values()
        for volume in series.get_volume_list()
    ]
    json.dump({"version": version("dcm_classifier"), "volumes": said}, answer)
    answer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
