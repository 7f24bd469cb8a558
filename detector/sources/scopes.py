"""Where a call was served, as the price table needs to know: by backend, deployment and spill."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """A scope for what fits all given patterns (``*`` and ``?``, upper and lower case alike)."""

    scope: str
    backend: str = ""
    deployment: str = ""

    def __post_init__(self) -> None:
        if not (self.backend or self.deployment):
            raise ValueError(f"the scope {self.scope!r} needs a pattern: backend or deployment")

    def fits(self, backend: str, deployment: str) -> bool:
        """Whether a call to this backend and deployment has the rule's scope."""
        pairs = ((self.backend, backend), (self.deployment, deployment))
        return all(fnmatchcase(text.casefold(), given.casefold()) for given, text in pairs if given)


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """The scope of what was spilled over, of what a rule fits (the first wins), and of the rest."""

    default: str = ""
    spillover: str = ""
    rules: tuple[ScopeRule, ...] = ()

    @property
    def by_backend(self) -> bool:
        """Whether any rule needs to know the backend."""
        return any(rule.backend for rule in self.rules)

    def scope_of(self, backend: str, deployment: str, *, spilled: bool = False) -> str:
        """Give the scope of a call.

        A call that its provisioned deployment handed on is billed by the token whatever its
        backend is called: native spillover changes neither backend nor deployment.

        Examples
        --------
        >>> rules = ScopeRules("global", "datazone", (ScopeRule("ptu", backend="ptu-*"),))
        >>> rules.scope_of("PTU-east", "gpt-4o")
        'ptu'
        >>> rules.scope_of("PTU-east", "gpt-4o", spilled=True)
        'datazone'
        """
        if spilled:
            return self.spillover
        fitting = (rule.scope for rule in self.rules if rule.fits(backend, deployment))
        return next(fitting, self.default)
