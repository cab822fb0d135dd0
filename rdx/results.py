"""What a fitted method shows of itself: a table of its concepts, and a few lines in place of all parameters."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("direction", "concept", "size", "mean_affinity", "grid")
_OF_SCALES = ("gamma", "score", "p_value", "finding")  # with a scale for each concept


class Results:
    """For estimators whose parameters are a dataclass's fields, and whose `fit` sets ``a_not_b_`` and ``b_not_a_``."""

    @property
    def concepts_(self) -> pd.DataFrame:
        """A row a concept, the strongest first: direction, concept, size, mean_affinity (RDX), its grid's items."""
        import pandas as pd

        rows = [
            dict(zip(_COLUMNS, (found.direction, concept.number, concept.size, concept.mean_affinity,
                                concept.indices.tolist()), strict=True))
            | {name: getattr(concept.evidence, name) for name in _OF_SCALES if concept.evidence is not None}
            for found in (self.a_not_b_, self.b_not_a_)
            for concept in found.concepts
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(rows[0]) if rows else _COLUMNS)

    def __repr__(self) -> str:
        if not hasattr(self, "a_not_b_"):
            return self._called()
        return "\n".join([self._called(), f"  {self.a_not_b_!r}", f"  {self.b_not_a_!r}"])

    def _repr_html_(self) -> str:
        if not hasattr(self, "a_not_b_"):
            return f"<pre>{escape(repr(self))}</pre>"
        table = self.concepts_.drop(columns="grid").dropna(axis=1, how="all").to_html(index=False, border=0)
        return f"<pre>{escape(repr(self))}</pre>{table}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What notebooks ask for first, and scikit-learn would answer with a diagram of the parameters."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _called(self) -> str:
        """The constructor's call, with what is not its default."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        changed = [f"{name}={value!r}" for name, value in given.items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join(changed)})"
