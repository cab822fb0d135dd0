"""What the page says of one method as a whole: badge, headline and where it opens; one place, so that all agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rdx.explorer.beside import Beside
from rdx.explorer.content import A, B, Content, Method, own_side
from rdx.explorer.findings import Finding
from rdx.explorer.size import SMALL, Size
from rdx.explorer.standing import CHANCE, OUT, UNTESTED, Standing, is_tested
from rdx.method.concepts import DIRECTIONS
from rdx.metrics.finding_counts import count_text, standing_out

_UNNAMED = (
    "Nothing known here says what differs: it may be another seed, size or length of training, noise, {}or what is not "
    "measured."
)
_SLIGHT = (
    "Nothing known here says what differs. So little is seldom another seed or size: it may be {}noise or compression "
    "of what one of them was given, rounding, a little more training, or what is not measured."
)
FOUND, NOTHING, UNRELATED = "found", "nothing", "unrelated"  # kinds; besides standing.UNTESTED


@dataclass(frozen=True)
class Story:
    """What is said, and shown first."""

    kind: str
    badge: str
    headline: str
    opens: Standing | None  # None: nothing that may be chance is shown unasked
    count: str = "no finding"  # that stands out


def story_of(
    content: Content, method: Method, standing: Sequence[Standing], findings: Sequence[Finding],
    size: Size | None = None, tells: str | None = None, beside: Beside | None = None, cause: str | None = None,
    unnamed: str | None = None,
) -> Story:  # fmt: skip
    """``standing`` and ``findings``: of the method, the strongest first; ``tells``: what one tells and one does not;
    ``beside``: how it looks beside a reference; ``cause``: what most findings share; ``unnamed``: said where nothing
    known says what differs."""
    reference = beside and beside.sentence
    things = content.items.noun
    out = [finding for finding in findings if finding.faces[0].word == OUT]
    if out:
        cautions = [finding.cautions for finding in out]
        count, full = count_text(cautions), _full(method, things)
        short = ", ".join(filter(None, [count, full and "perhaps more", beside and beside.short]))
        badge = f"{size.badge}: {short}" if size else short
        main = out[0].sentence if len(out) == 1 else f"The largest: {out[0].sentence}"
        said = f"{standing_out(cautions, 'chance')}."
        unnamed = unnamed if method.is_rdx else None
        small = size and size.word == SMALL
        first, last = (size.sentence, None) if small else (None, size and size.sentence)
        texts = [first, said, reference, unnamed, cause, tells, main, last, full]
        return Story(FOUND, badge, " ".join(filter(None, texts)), out[0].faces[0], count)
    if method.unrelated:
        headline = f"{_both(content)} agree on nothing: neighbours in one are strangers in the other."
        return Story(UNRELATED, "They agree on nothing", headline, None)
    if any(one.word == CHANCE for one in standing):
        looked = "the only group that was found" if len(standing) == 1 else f"each of the {len(standing)} groups"
        headline = (
            f"Nothing stands out from chance: where as much changes as between {_both(content)}, but evenly, groups "
            f"as strong as {looked} come about, too."
        )
        return Story(NOTHING, "Nothing stands out", _with(headline, reference, tells), None)
    if not standing and method.is_rdx:
        headline = f"No group of {things} is held together by one of {_both(content)} and scattered by the other."
        tested = is_tested(method) or method.ending is not None
        badge = "No group found" if tells else "No difference found"
        return Story(NOTHING if tested else UNTESTED, badge, _with(headline, reference, tells), None)
    return _untested(content, method, standing, things, tells)


def unnamed_text(unseen: Sequence[str] = (), size: Size | None = None) -> str:
    """``unseen``: what neither model tells, so that nobody can say whether it differs."""
    return (_SLIGHT if size and size.word == SMALL else _UNNAMED).format("".join(f"{one}, " for one in unseen))


def _full(method: Method, things: str) -> str | None:
    """That no more was looked for, where as much was found as was asked for."""
    sides = [own_side(direction).upper() for direction in DIRECTIONS if method.is_full(direction)]
    if not sides:
        return None
    both = " and ".join(sides)
    have = "have" if len(sides) > 1 else "has"
    return f"{both} {have} as many groups of {things} as were asked for at most ({method.most}): there may be more."


def _with(headline: str, *more: str | None) -> str:
    """What one tells and the other does not is a difference, too, where no group is held together by it."""
    return " ".join(filter(None, [headline, *more]))


def _untested(
    content: Content, method: Method, standing: Sequence[Standing], things: str, tells: str | None
) -> Story:
    groups = [_groups(sum(own_side(one.direction) == side for one in standing), things) for side in (A, B)]
    a, b = (_named(content, side) for side in (A, B))
    if not method.is_rdx:
        headline = (
            f"{method.name} looks at one model at a time: {groups[0]} that {a} holds together, {groups[1]} that {b} "
            "does. It does not ask whether the other holds them together as well."
        )
    else:
        headline = (
            f"Closer together in {a} than in {b}: {groups[0]}; the other way round: {groups[1]}. Whether that is more "
            "than chance was not tested."
        )
        headline = _with(headline, tells)
    return Story(UNTESTED, "Not tested", headline, standing[0] if standing else None)


def _groups(count: int, things: str) -> str:
    return f"{count or 'no'} group{'' if count == 1 else 's'} of {things}"


def _named(content: Content, side: str) -> str:
    return f"“{content.titles[side]}” ({side.upper()})"


def _both(content: Content) -> str:
    return f"{_named(content, A)} and {_named(content, B)}"
