"""The section `sweeps` of params.yaml."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from maskwright.shared.settings import Positive, Section

_LONGEST_NAME = 100


class Subset(Section):
    """A random choice among the configurations of a sweep."""

    configurations: Positive
    seed: int = 0


class Sweep(Section):
    """A sweep: an experiment, and what to vary in it."""

    experiment: str
    factors: Annotated[dict[str, Annotated[list[JsonValue], Field(min_length=1)]], Field(min_length=1)]
    fixed: dict[str, JsonValue] = Field(default_factory=dict)
    exclude: list[dict[str, JsonValue]] = Field(default_factory=list)
    fraction: Literal["full", "half"] = "full"
    subset: Subset | None = None
    seeds: int | list[int]
    response: str | Annotated[list[str], Field(min_length=1)]

    @property
    def responses(self) -> list[str]:
        """The measures whose effects are analysed."""
        return [self.response] if isinstance(self.response, str) else self.response

    @field_validator("seeds", mode="before")
    @classmethod
    def _check_seeds(cls, seeds: Any) -> Any:
        listed = isinstance(seeds, list)
        numbers: list[Any] = seeds if listed else [seeds]
        whole = bool(numbers) and all(type(number) is int for number in numbers)
        if not whole or len(set(numbers)) < len(numbers) or (not listed and numbers[0] < 1):
            raise ValueError(f"must be a number of seeds, or a list of different ones (got {seeds!r})")
        return seeds


class Certificates(Section):
    """The files, in PEM, by which a Dask scheduler, its workers and the sweep know each other.

    Attributes:
        authority: the certificate of the authority that signed all the others.
        certificate: this computer's own, which may also hold its key.
        key: the key to `certificate`.
    """

    authority: str
    certificate: str
    key: str


class Sweeps(Section):
    """Sweeps by name, and the Dask scheduler on whose workers they run."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Sweep]

    scheduler: str | None = None
    security: Certificates | None = None

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for name in self.entries:
            if not name.replace("_", "").replace("-", "").isalnum() or len(name) > _LONGEST_NAME:
                raise ValueError(
                    f"{name[:_LONGEST_NAME]!r}: a sweep's name has letters, digits, _ and - only, and at most "
                    f"{_LONGEST_NAME} of them; it becomes a folder"
                )
        return self

    @property
    def entries(self) -> dict[str, Sweep]:
        """The sweeps by name."""
        return self.__pydantic_extra__
