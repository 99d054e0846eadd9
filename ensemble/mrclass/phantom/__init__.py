"""Simulated brain MR: anatomy, tissue parameters, signal equations, scanner effects, NIfTI and DICOM writers."""
