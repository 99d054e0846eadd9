"""The signal equations against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from mrclass.phantom import signal

PD, T1, T2 = np.array([0.8]), np.array([1000.0]), np.array([100.0])


def test_a_spin_echo_of_long_tr_and_no_te_shows_proton_density() -> None:
    assert signal.spin_echo(PD, T1, T2, tr=20 * 1000.0, te=0.0) == pytest.approx(0.8)


def test_a_spin_echo_decays_to_one_over_e_at_te_equal_to_t2() -> None:
    assert signal.spin_echo(PD, T1, T2, tr=1e6, te=100.0) == pytest.approx(0.8 / np.e)


def test_a_spin_echo_recovers_half_at_tr_of_t1_times_ln_2() -> None:
    assert signal.spin_echo(PD, T1, T2, tr=1000 * np.log(2), te=0.0) == pytest.approx(0.4)


def test_inversion_recovery_is_null_at_t1_times_ln_2() -> None:
    nulled = signal.inversion_recovery(PD, T1, T2, tr=1e6, te=0.0, ti=1000 * np.log(2))
    assert nulled == pytest.approx(0.0, abs=1e-9)


def test_inversion_recovery_is_bright_again_right_after_the_inversion() -> None:
    assert signal.inversion_recovery(PD, T1, T2, tr=1e6, te=0.0, ti=0.0) == pytest.approx(0.8)


def test_a_gradient_echo_of_ninety_degrees_and_long_tr_shows_proton_density() -> None:
    assert signal.spoiled_gradient_echo(PD, T1, T2, tr=1e6, te=0.0, flip=90.0) == pytest.approx(0.8)


def test_a_gradient_echo_is_brightest_at_the_ernst_angle() -> None:
    angles = np.arange(1.0, 90.0)
    found = [signal.spoiled_gradient_echo(PD, T1, T2, tr=100.0, te=5.0, flip=a)[0] for a in angles]
    ernst = np.rad2deg(np.arccos(np.exp(-0.1)))
    assert abs(angles[np.argmax(found)] - ernst) <= 0.5


def test_a_balanced_steady_state_of_equal_t1_and_t2_is_half_the_proton_density_at_ninety_degrees() -> None:
    assert signal.balanced_ssfp(PD, T1, T1, flip=90.0, te=0.0) == pytest.approx(0.4)


def test_a_prepared_gradient_echo_of_long_inversion_time_shows_proton_density() -> None:
    assert signal.magnetization_prepared(PD, T1, T2, 1e6, 0.0, 1e5, 9.0) == pytest.approx(0.8)


def test_a_prepared_gradient_echo_shows_short_t1_brighter() -> None:
    t1 = np.array([650.0, 1050.0, 4000.0])
    white, grey, csf = signal.magnetization_prepared(
        np.ones(3), t1, np.full(3, 60.0), 2000.0, 3.0, 900.0, 9.0
    )
    assert white > grey > csf


def test_diffusion_of_b_1000_leaves_one_over_e_where_the_adc_is_one() -> None:
    assert signal.diffusion(PD, np.array([1.0]), 1000.0) == pytest.approx(0.8 / np.e)


def test_one_millimole_of_contrast_agent_shortens_a_t1_of_one_second_to_192_ms() -> None:
    assert signal.relaxed_t1(T1, np.array([1.0])) == pytest.approx(1000 / 5.2)
