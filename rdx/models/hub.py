"""Fetching published weights: quietly, and with one clear line where they are unavailable."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from rdx.errors import InputError, MissingInput, first_line

_OWN_FILE = "name a local file with '?weights=PATH'"


@contextmanager
def fetching(what: str, instead: str = _OWN_FILE) -> Iterator[None]:
    """Inside, published files are read from the local cache or downloaded.

    Raises MissingInput in one line where that fails, with what to do `instead`. The libraries' many warning
    lines are held back, and where the hub can't be reached at all they do not try for most of a minute.
    """
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or not _reachable(constants.ENDPOINT)
    try:
        with quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # timm, open_clip, hub and network libraries each raise kinds of their own
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise MissingInput(
            f"the weights of {what} can't be downloaded ({first[:120]}); connect to the internet, or {instead}, "
            "or take random weights with '?pretrained=false'"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = offline


@contextmanager
def reading_folder(what: str) -> Iterator[None]:
    """Inside, a library reads a folder of the user's: whatever it says of a damaged file is one line."""
    try:
        with quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise InputError(f"the files of {what} can't be read: {first_line(error)}") from error


def in_cache(repository: str, files: Iterable[str]) -> bool:
    """Whether one of a hub repository's files was fetched before; `repository` may end with @REVISION."""
    from huggingface_hub import try_to_load_from_cache

    name, _, revision = repository.partition("@")
    return any(isinstance(try_to_load_from_cache(name, file, revision=revision or None), str) for file in files)


def can_download() -> bool:
    """Whether the hub is to be reached, as far as that can be told without asking it for anything."""
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and _reachable(constants.ENDPOINT)


@contextmanager
def quiet() -> Iterator[None]:
    """Holds back log lines of the model libraries.

    open_clip logs through the root logger, which installs a handler there when it has none.
    """
    root, placeholder, level = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(placeholder)
    logging.disable(max(level, logging.ERROR))
    try:
        yield
    finally:
        logging.disable(level)
        root.removeHandler(placeholder)


def _reachable(endpoint: str) -> bool:
    """Whether the hub's name resolves; behind a proxy it is the proxy's business."""
    if any(os.environ.get(name) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")):
        return True
    try:
        socket.getaddrinfo(urlsplit(endpoint).hostname, 443)
    except OSError:
        return False
    return True
