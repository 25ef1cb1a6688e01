"""Parameters of a job function, filled from configuration by name and converted to their annotations.

Settings and environment are handed in; reading them is the launcher's. Sections are `jobs.<section>.<name>`,
then `jobs.<section>`, from the job's ref. What the same annotations mean as a JSON schema is in `input_schemas`.
"""

from __future__ import annotations

from runyard.core.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


NO_DEFAULT = object()
"""Stands for the default of a parameter that has none, or one that only says "from configuration"."""


NULL = "null"
"""What None travels as, in the environment: JSON's word for it."""


def parameters(function: Callable[..., Any]) -> dict[str, bool]:
    """Return what can be given by name to a function, or to what its decorators wrap.

    Shape: name -> whether it is required, in the order they are written.
    """
    return {name: default is NO_DEFAULT for name, default in defaults(function).items()}


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters that can be given by name, each with its default or `NO_DEFAULT`."""
    written = _written_defaults(innermost(function))
    return {name: NO_DEFAULT if is_placeholder(default) else default for name, default in written.items()}


def fill(
    function: Callable[..., Any],
    ref: str,
    environ: Mapping[str, str],
    read_settings: Callable[[], Mapping[str, Any]],
    *,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments to call a job function with: `given` as they are, the rest from configuration.

    `read_settings` returns the merged tables of the settings files; it is called only if one is looked for.
    Raises: InvalidInput naming the keys, for values that are missing or one that does not fit.
    Source: JCF-01 to JCF-07.
    """
    arguments = {}
    missing: list[str] = []
    settings: Mapping[str, Any] | None = None
    for name, is_required in parameters(function).items():
        if name in given:
            arguments[name] = given[name]
            continue
        if settings is None:
            settings = read_settings()
        found = configured(name, ref, environ, settings)
        if found is not None:
            arguments[name] = _convert_for(function, name, *found)
        elif is_required:
            missing.append(name)
    if missing:
        first, *others = missing
        raise InvalidInput(
            f"`{ref}.{first}` has no value{''.join(f', nor has `{ref}.{name}`' for name in others)}.",
            f"Give `-c {first}=...` to the start, or set `{first}` under `[{ref}]` in `.dlt/config.toml` or "
            f"`.dlt/secrets.toml`, or the environment variable {environment_key(ref, first)}.",
        )
    return arguments


def environment_key(ref: str, name: str) -> str:
    """Return the environment variable that sets a parameter of a job, or of all jobs of a section."""
    return "__".join([*ref.split("."), name]).upper()


def environment_text(value: Any) -> str:
    """Return what that variable holds for a value: texts as they are, the rest as JSON.

    `5.0` is the whole number 5 there.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    import json  # most jobs are given nothing, and need not wait for it

    return json.dumps(value)


def convert(value: Any, annotation: Any) -> Any:
    """Return a configured value as what the annotation asks for; unknown annotations leave it as it is.

    Texts, as the environment has them, are read as their type: lists and dicts as JSON, instants as ISO 8601, `null`
    as None where that is accepted.
    Raises: ValueError if it does not fit, without telling it: it may be a secret. Source: JCF-07.
    """
    annotation = getattr(annotation, "__supertype__", annotation)  # of a `NewType`
    if annotation is str:
        return value if isinstance(value, str) else str(value)
    if annotation is bool:
        return _to_bool(value)
    if annotation in (int, float):
        return _to_number(value, annotation)

    # Not before they are needed: together they take longer to import than most jobs to start.
    import json
    import types
    import typing
    from datetime import date, datetime
    from enum import Enum
    from pathlib import Path

    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return convert(value, inner[0])
    if origin in (typing.Union, types.UnionType):
        return _convert_to_any_of(value, inner)
    if origin is typing.Literal:
        return _chosen(value, inner)
    kind = origin or annotation
    if not isinstance(kind, type):
        return value
    if kind in (list, tuple, set, frozenset, dict) and isinstance(value, str):
        value = json.loads(value)
    if kind is dict:
        return (
            _checked(value, dict)
            if not inner
            else {
                convert(key, inner[0]): convert(item, inner[1]) for key, item in _checked(value, dict).items()
            }
        )
    if kind in (list, tuple, set, frozenset):
        items = _checked(value, (list, tuple))
        return kind(convert(item, inner[0]) for item in items) if inner else kind(items)
    if kind is datetime or kind is date:
        if not isinstance(value, str):
            return _checked(value, kind)
        try:
            return kind.fromisoformat(value)
        except ValueError:
            raise ValueError(f"it is no {kind.__name__} as ISO 8601 writes it") from None
    if issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            return kind(_chosen(value, [member.value for member in kind]))
    return kind(value) if issubclass(kind, Path) else value


def is_choice(value: Any, choice: Any) -> bool:
    """Return whether a value is a choice, or how Python writes it, or how it travels."""
    return value == choice or value == str(choice) or _travelling(value) == _travelling(choice)


def is_null(value: Any) -> bool:
    """Return whether a value is None, or how None travels."""
    return value is None or value == NULL


def _travelling(value: Any) -> str:
    return environment_text(value) if isinstance(value, bool | None) else str(value)


def _chosen(value: Any, choices: Sequence[Any]) -> Any:
    for choice in choices:
        if is_choice(value, choice):
            return choice
    raise ValueError(f"it is none of {', '.join(map(repr, choices))}")


def _convert_to_any_of(value: Any, kinds: tuple[Any, ...]) -> Any:
    if is_null(value) and type(None) in kinds:
        return None
    problems = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return convert(value, kind)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(", and ".join(problems))


def _to_bool(value: Any) -> bool:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError("it is neither true nor false")
    return words[str(value).lower()]


def _to_number(value: Any, kind: type[int] | type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("it is no number")
    try:
        number = kind(value)
    except ValueError:
        raise ValueError(f"it is no {'whole ' if kind is int else ''}number") from None
    if not isinstance(value, str) and number != value:
        raise ValueError("it is no whole number")
    return number


def _checked(value: Any, kinds: Any) -> Any:
    if not isinstance(value, kinds):
        raise ValueError(f"it is {type(value).__name__}")
    return value


def _convert_for(function: Callable[..., Any], name: str, key: str, value: Any) -> Any:
    try:
        annotation = annotation_of(function, name)
    except NameError as error:
        raise InvalidInput(
            f"`{key}` cannot be converted: {error}.",
            "Import what annotates it at run time, not only for type checks.",
        ) from None
    if is_null(value) and defaults(function)[name] is None:
        return None  # accepted, whatever the annotation says
    try:
        return convert(value, annotation)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"`{key}` does not fit: {error}.", f"`{name}` is annotated with `{_say(annotation)}`."
        ) from None


def annotation_of(function: Callable[..., Any], name: str) -> Any:
    """Return what annotates a parameter, else the type of its default; None if nothing is said.

    Raises: NameError if it is only there for type checks.
    """

    def stand_in() -> None: ...

    function = innermost(function)
    written = getattr(function, "__annotations__", {}).get(name)
    if isinstance(written, str):
        from typing import get_type_hints

        # Only this one is evaluated: the others may be imported for type checkers alone.
        stand_in.__annotations__ = {name: written}
        written = get_type_hints(stand_in, getattr(function, "__globals__", {}), include_extras=True)[name]
    default = defaults(function)[name]
    if written is None and default is not NO_DEFAULT and default is not None:
        return type(default)
    return written


def _say(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)


def configured(
    name: str, ref: str, environ: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[str, Any] | None:
    """Return key and value of what is configured: environment first, the job's own section before its module's."""
    sections = [ref, ref.rpartition(".")[0]] if ref.count(".") > 1 else [ref]
    for section in sections:
        if (text := environ.get(key := environment_key(section, name))) is not None:
            return key, text
    for section in sections:
        table: Any = settings
        for part in section.split("."):
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict) and name in table:
            return f"{section}.{name}", table[name]
    return None


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function below its decorators, a job's too."""
    while (wrapped := getattr(function, "__wrapped__", None)) is not None:
        function = wrapped
    return function


def is_placeholder(default: Any) -> bool:
    """Return whether a default only says "from configuration", as `dlt.config.value` does."""
    return type(default).__name__ == "ConfigValueSentinel"


def _written_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    if type(function) is not type(innermost):
        return _defaults_by_inspection(function)
    # Read from the code object, as importing `inspect` would cost more than starting the job.
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    found = dict(zip(reversed(positional), reversed(function.__defaults__ or ()), strict=False))
    found |= function.__kwdefaults__ or {}
    names = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    return {name: found.get(name, NO_DEFAULT) for name in names}


def _defaults_by_inspection(function: Callable[..., Any]) -> dict[str, Any]:
    import inspect

    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(function).parameters.values()
    return {
        one.name: NO_DEFAULT if one.default is one.empty else one.default
        for one in found
        if one.kind in by_name
    }
