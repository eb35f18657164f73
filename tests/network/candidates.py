"""Random architectures and recipes for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from study.search_space.candidate import Architecture, ImageFormat, Recipe, Stage

images = st.builds(
    ImageFormat,
    channels=st.sampled_from([1, 3]),
    size=st.integers(3, 28),
    classes=st.integers(2, 6),
)
stages = st.builds(
    Stage,
    operation=st.sampled_from(["conv", "separable", "residual", "identity"]),
    kernel=st.sampled_from([1, 3, 5, 7]),
    channels=st.integers(1, 8),
    pool=st.sampled_from(["max", "average", "none"]),
)
architectures = st.builds(
    Architecture,
    conv_layers=st.integers(1, 5),
    channels=st.integers(1, 8),
    kernel=st.sampled_from([1, 3, 5, 7]),
    padding=st.sampled_from(["valid", "same"]),
    norm=st.sampled_from(["none", "batch"]),
    activation=st.sampled_from(["relu", "silu", "gelu"]),
    pool=st.sampled_from(["max", "average", "none"]),
    head=st.sampled_from(["flatten", "global_average"]),
    hidden_units=st.integers(1, 16),
    dropout=st.sampled_from([0.0, 0.5]),
    stages=st.lists(stages, max_size=5).map(tuple),
)
recipes = st.builds(
    Recipe,
    optimizer=st.sampled_from(["adam", "adamw", "sgd"]),
    learning_rate=st.sampled_from([1e-4, 1e-2]),
    weight_decay=st.sampled_from([0.0, 1e-3]),
    schedule=st.sampled_from(["constant", "cosine", "onecycle"]),
    batch_size=st.integers(3, 20),
    label_smoothing=st.sampled_from([0.0, 0.1]),
    flip=st.booleans(),
    shift=st.integers(0, 2),
    balance=st.sampled_from(["none", "logit_adjust", "resample"]),
    epochs=st.just(1),
)
