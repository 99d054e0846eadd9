"""Simulated brain MR: anatomy, tissue parameters, signal equations, scanner effects, NIfTI and DICOM writers.

`tissues`, `signal` and `weighting` make contrast; `head`, `vessels`, `anatomy` and `spine` make subjects;
`protocols` draws timings and geometry; `sampling`, `scanner` and `acquire` make volumes; `study` and `demo`
write them.
"""
