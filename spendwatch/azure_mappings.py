"""Whom a gateway's ids stand for: what the settings and the files they name say of it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from detector.sources.base import SourceError
from detector.sources.carriers import Attribution, Carrier, Identity
from detector.sources.identity_file import IdentityFile
from spendwatch.settings_azure import AttributedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from spendwatch.settings import Settings
    from spendwatch.settings_azure import CarrierSettings, IdentitySettings


class Mappings:
    """Whom a gateway's ids stand for, as the settings and the files they name say it now."""

    def __init__(self, settings: Settings) -> None:
        self._sources = [each for each in settings.sources if isinstance(each, AttributedSource)]
        self._files: dict[tuple[Path, str], IdentityFile] = {}
        self._named: dict[IdentityFile, tuple[Mapping[str, Identity], Mapping[str, str]]] = {}
        self._written = [
            _cost_centres(carrier.ids.values())
            for source in self._sources
            for carrier in source.tenant
            if carrier.ids
        ]
        self._lock = Lock()

    def attribution(self, settings: AttributedSource) -> Attribution:
        """Give whom a source's calls belong to."""
        return Attribution(
            tuple(self._carrier(each, "tenant") for each in settings.tenant),
            tuple(self._carrier(each, "feature") for each in settings.feature),
        )

    def files(self) -> Iterator[tuple[str, IdentityFile]]:
        """Give every file with the setting that names it."""
        for source in self._sources:
            for needs in ("tenant", "feature"):
                for place, carrier in enumerate(getattr(source, needs)):
                    if carrier.file:
                        key = f"sources.{source.name}.{needs}[{place}].file"
                        yield key, self._file(carrier.file, needs)

    def cost_centres(self) -> Sequence[Mapping[str, str]]:
        """Give the cost centre of every tenant that is named, mapping by mapping.

        A file that cannot be read now says what it said last: the source that needs it tells why.
        """
        found: list[Mapping[str, str]] = [*self._written]
        with self._lock:
            for _, file in self.files():
                if known := self._known(file):
                    found.append(known)
        return found

    def _known(self, file: IdentityFile) -> Mapping[str, str]:
        """Give the cost centres of a file, the same object until it says something else."""
        before, known = self._named.get(file, ({}, {}))
        try:
            identities = file()
        except SourceError:
            return known
        if identities is not before:
            known = _cost_centres(identities.values())
            self._named[file] = identities, known
        return known

    def _carrier(self, settings: CarrierSettings, needs: str) -> Carrier:
        identities: Callable[[], Mapping[str, Identity]] | None = None
        if settings.file:
            identities = self._file(settings.file, needs)
        elif settings.ids:
            written = {name: Identity(**whom.model_dump()) for name, whom in settings.ids.items()}
            identities = written.copy
        return Carrier(settings.carrier, settings.name, identities)

    def _file(self, path: Path, needs: str) -> IdentityFile:
        return self._files.setdefault((path, needs), IdentityFile(path, needs=needs))


def _cost_centres(identities: Iterable[Identity | IdentitySettings]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in identities:
        if each.tenant and not found.get(each.tenant):
            found[each.tenant] = each.cost_centre
    return found
