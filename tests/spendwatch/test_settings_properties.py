from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from spendwatch.settings import ConfigError, Settings, load_settings
from spendwatch.settings_checks import find_clashes
from spendwatch.settings_environment import variable_names
from spendwatch.settings_inheritance import complete
from spendwatch.settings_problems import Places, models_in, problems_of
from spendwatch.settings_secrets import take_out_secrets


def all_models(annotation: object) -> set[type[BaseModel]]:
    found = set(models_in(annotation))
    for model in list(found):
        for field in model.model_fields.values():
            found |= all_models(field.annotation)
    return found


WORDS = st.sampled_from(
    sorted({name for model in all_models(Settings) for name in model.model_fields})
)
SCALARS = st.one_of(
    st.integers(-5, 40),
    st.just(10**4000),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.text(max_size=5),
    st.sampled_from(["weekly", "monthly", "EUR", "USD", "none", "off", "sample", "csv_file", "7"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=10,
)
TABLES = st.dictionaries(WORDS, VALUES, max_size=6)
DOCUMENTS = st.dictionaries(
    st.sampled_from(sorted(Settings.model_fields)),
    TABLES | st.lists(TABLES, max_size=3) | VALUES,
)


@given(DOCUMENTS)
def test_a_document_of_any_shape_becomes_settings_or_sentences(document):
    take_out_secrets(document)
    whole = complete(document, Path("/srv"))
    problems = find_clashes(whole)
    try:
        Settings.model_validate(whole)
    except ValidationError as error:
        problems += problems_of(error, Settings)
    sentences = Places("config.toml", {}, {}).sentences(problems)
    assert all(sentence.isprintable() for sentence in sentences)


@given(st.dictionaries(st.sampled_from(sorted(variable_names(Settings))), st.text(max_size=9)))
@example({"SPENDWATCH_BUDGET_DEFAULTS__THRESHOLDS": '{"a": 1}'})
@example({"SPENDWATCH_BUDGET_DEFAULTS__FISCAL_START_DAY": "²"})
def test_variables_of_any_text_end_in_settings_or_in_problems_that_name_them(environ):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(
            '[alerts]\nreceiver = "a"\n[[receivers]]\nkind = "console"\nname = "a"\n',
            encoding="utf-8",
        )
        try:
            load_settings(path, environ)
        except ConfigError as error:
            named = {problem.split(": ")[1] for problem in error.problems}
            assert named <= environ.keys()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_file_of_any_content_ends_in_a_config_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_settings(path, {})
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)
