"""`--context`: the objects of a cluster, from files and folders."""

from collections.abc import Sequence
from pathlib import Path

from webhook.core.model.documents import read
from webhook.core.model.objects import JsonObject
from webhook.store import yaml_files


class ContextError(Exception):
    """A file that should describe the cluster cannot be read; one line for each problem."""


def read_context(paths: Sequence[Path]) -> list[JsonObject]:
    """Return the objects in files and in folders with all their subfolders.

    Raises:
        ContextError: a path cannot be read, or a document in it; with all the problems.
    """
    objects: list[JsonObject] = []
    problems: list[str] = []
    for path in paths:
        try:
            for file in yaml_files(path):
                for document in read(file.read_text(encoding="utf-8-sig"), str(file)):
                    if error := document.error:
                        problems.append(f"{file}:{error.line}:{error.column}: {error.message}")
                    elif isinstance(document.value, dict):
                        objects.append(document.value)
                    else:
                        problems.append(f"{file}:{document.line}:1: is no Kubernetes object")
        except OSError as error:
            where = error.filename or path
            problems.append(f"{where}: cannot be read: {error.strerror or error}")
        except UnicodeDecodeError as error:
            problems.append(f"{path}: is not UTF-8 text: {error.reason}")
    if problems:
        raise ContextError("\n".join(problems))
    return objects
